"""Using a trained model: no Lightning, no methods. Names are loaded when first used: an export needs no torch."""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.inference.frame_loss import score_frame_loss
    from actionmae.inference.onnx_predictor import OnnxPredictor
    from actionmae.inference.prediction import Prediction
    from actionmae.inference.predictor import Predictor
    from actionmae.inference.stream import StreamPredictor
    from actionmae.inference.subset_scoring import evaluate_subsets, score_subsets

__all__ = [
    "OnnxPredictor",
    "Prediction",
    "Predictor",
    "StreamPredictor",
    "evaluate_subsets",
    "score_frame_loss",
    "score_subsets",
]

__getattr__ = lazy_names(
    __name__,
    {
        "OnnxPredictor": "onnx_predictor",
        "Prediction": "prediction",
        "Predictor": "predictor",
        "StreamPredictor": "stream",
        "evaluate_subsets": "subset_scoring",
        "score_frame_loss": "frame_loss",
        "score_subsets": "subset_scoring",
    },
)

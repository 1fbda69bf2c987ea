"""Action recognition that keeps working when sensors go missing.

The public names below are loaded on first use, so that `import actionmae` stays light (no torch, no av, no lightning).
"""

from importlib import metadata
from typing import TYPE_CHECKING, Any

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.core.modality import ModalitySet, ModalitySpec
    from actionmae.core.tensors import ClipBatch
    from actionmae.evaluation.table import RobustnessTable
    from actionmae.inference.predictor import Predictor
    from actionmae.inference.subset_scoring import evaluate_subsets
    from actionmae.nn.action_mae import ActionMAE
    from actionmae.nn.build import build_classifier
    from actionmae.nn.checkpoint import load_model, save_model
    from actionmae.nn.classifier import MultiModalClassifier
    from actionmae.training.train import train

    __version__: str

__all__ = [
    "ActionMAE",
    "ClipBatch",
    "ModalitySet",
    "ModalitySpec",
    "MultiModalClassifier",
    "Predictor",
    "RobustnessTable",
    "__version__",
    "build_classifier",
    "evaluate_subsets",
    "load_model",
    "save_model",
    "train",
]

_load = lazy_names(
    __name__,
    {
        "ActionMAE": "nn.action_mae",
        "ClipBatch": "core.tensors",
        "ModalitySet": "core.modality",
        "ModalitySpec": "core.modality",
        "MultiModalClassifier": "nn.classifier",
        "Predictor": "inference.predictor",
        "RobustnessTable": "evaluation.table",
        "build_classifier": "nn.build",
        "evaluate_subsets": "inference.subset_scoring",
        "load_model": "nn.checkpoint",
        "save_model": "nn.checkpoint",
        "train": "training.train",
    },
)


def __getattr__(name: str) -> Any:
    return metadata.version("actionmae") if name == "__version__" else _load(name)


def __dir__() -> list[str]:
    return sorted(__all__)

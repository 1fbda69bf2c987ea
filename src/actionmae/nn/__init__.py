"""The paper's networks; everything here runs in a notebook, without Lightning.

| paper | code |
| --- | --- |
| f_i^m, a frame | `frames` |
| x_i^m (Eq. 1) | `frame_features`, the output of a space encoder |
| z^m = cls_L^m (Eq. 4) | `tokens` |
| N | `num_modalities` (M in shapes; B is the batch) |
| K | `num_dropped` |
| mem | `memory_token` |
| dum | `dummy_token` |
| ẑ | `reconstructed` |
| λ_cls, λ_rec (Eq. 6) | `cls_weight`, `rec_weight` |
"""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.nn.action_mae import ActionMAE, ActionMAEOutput
    from actionmae.nn.build import build_classifier
    from actionmae.nn.checkpoint import load_model, save_model
    from actionmae.nn.classifier import MultiModalClassifier
    from actionmae.nn.config import ClassifierConfig

__all__ = [
    "ActionMAE",
    "ActionMAEOutput",
    "ClassifierConfig",
    "MultiModalClassifier",
    "build_classifier",
    "load_model",
    "save_model",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ActionMAE": "action_mae",
        "ActionMAEOutput": "action_mae",
        "ClassifierConfig": "config",
        "MultiModalClassifier": "classifier",
        "build_classifier": "build",
        "load_model": "checkpoint",
        "save_model": "checkpoint",
    },
)

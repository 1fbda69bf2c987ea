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

from actionmae.core.install_check import check_install

check_install()  # one sentence, before timm meets a torchvision that does not fit

from actionmae.nn.action_mae import ActionMAE, ActionMAEOutput
from actionmae.nn.checkpoint import load_model, save_model
from actionmae.nn.classifier import MultiModalClassifier, build_classifier
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

"""Classifiers small enough for a property test, over one modality of every kind."""

from typing import Any

from actionmae.core.modality import ModalitySet
from actionmae.nn import ClassifierConfig, MultiModalClassifier, build_classifier

KINDS: tuple[dict[str, Any], ...] = (
    {"name": "rgb", "shape": [3, 8, 8], "num_frames": 3, "encoder": "grid_cnn"},
    {"name": "skeleton", "shape": [2, 25, 3], "num_frames": 4},
    {"name": "sound", "letter": "X", "kind": "features", "shape": [5], "value": "raw", "encoder": "features"},
)
"""Frames, joints with two persons, features; T differs."""

VECTORS: tuple[dict[str, Any], ...] = tuple(
    {"name": name, "letter": letter, "kind": "features", "shape": [width], "num_frames": frames, "value": "raw"}
    | {"encoder": "features"}
    for name, letter, width, frames in (("sound", "X", 5, 3), ("touch", "Y", 4, 2), ("smell", "Z", 3, 4))
)
"""Three modalities of kind features: the cheapest model that has everything after the space encoder."""

WIDTH: dict[str, Any] = {"embed_dim": 16, "num_heads": 2, "mlp_dim": 24, "time_depth": 1, "mae_depth": 1}
"""Architecture fields of a tiny model."""


def kinds() -> ModalitySet:
    """`KINDS` as a set."""
    return ModalitySet(KINDS)


def vectors() -> ModalitySet:
    """`VECTORS` as a set."""
    return ModalitySet(VECTORS)


def tiny_classifier(modalities: ModalitySet, num_classes: int = 5, **options: Any) -> MultiModalClassifier:
    """A classifier in eval mode; `options` are fields of `ClassifierConfig`."""
    return build_classifier(
        modalities, num_classes, config=ClassifierConfig(**WIDTH | {"fusion_depth": 1} | options)
    ).eval()

"""From names and switches to a `MultiModalClassifier`."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.nn.classifier import MultiModalClassifier, assemble, check_classes
from actionmae.nn.config import ClassifierConfig

MOST_CLASSES = 1_000_000
"""A slip of the keyboard would otherwise fill the memory with names."""


def build_classifier(
    modalities: ModalitySet | Iterable[str | ModalitySpec | Mapping[str, Any]],
    num_classes: int | None = None,
    *,
    classes: Sequence[str] | None = None,
    config: ClassifierConfig | None = None,
    fusion: str | None = None,
    action_mae: bool | None = None,
    space_encoder: str | None = None,
    pretrained: bool | None = None,
    token_heads: bool | None = None,
    embed_dim: int | None = None,
) -> MultiModalClassifier:
    """A classifier from names and switches.

    Args:
        modalities: Registered names, specs, or mappings that change a registered spec, in order.
        num_classes: How many classes, where they have no names.
        classes: Class names in order; instead of `num_classes`.
        config: Every switch of the architecture; the following change its most used ones.
        fusion: sum, concat, transformer or a registered one.
        action_mae: Reconstruct missing tokens before fusion (§3).
        space_encoder: Of all frame modalities, for example resnet18.
        pretrained: Start frame encoders from ImageNet weights.
        token_heads: One classifier per modality token beside the fusion's.
        embed_dim: C.

    Raises:
        ValueError: If neither or both of num_classes and classes are given, or a setting is out of range.
        OSError: If pretrained weights were asked for and cannot be had.
    """
    if (num_classes is None) == (classes is None):
        raise ValueError("give either num_classes or classes")
    if classes is None:
        if not isinstance(num_classes, int) or not 1 <= num_classes <= MOST_CLASSES:
            raise ValueError(f"num_classes is {num_classes!r}: give a number from 1 to {MOST_CLASSES:,}")
        classes = [str(index) for index in range(num_classes)]
    names = check_classes(classes)
    given: dict[str, Any] = {
        "fusion": fusion,
        "action_mae": action_mae,
        "space_encoder": space_encoder,
        "pretrained": pretrained,
    }
    given |= {"token_heads": token_heads, "embed_dim": embed_dim}
    changes = {name: value for name, value in given.items() if value is not None}
    config = dataclasses.replace(config or ClassifierConfig(), **changes)
    specs = modalities if isinstance(modalities, ModalitySet) else ModalitySet(modalities)
    return assemble(specs, names, config)

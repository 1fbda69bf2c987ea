"""Which kinds of model a model folder may hold, by name; a class is imported when a folder names it."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.calibration import Calibration
from actionmae.core.choices import did_you_mean
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset
from actionmae.core.tensors import ClassifierOutput, ClipBatch, check_visible
from actionmae.nn.parts import Part


class SavedModel(nn.Module, ABC):
    """A `SubsetClassifier` that a model folder can hold: the base of every model that is trained, scored and shared.

    A token may be any vector that is computed from the clip of its slot alone: the token of a modality, its
    specialist's log-probabilities, or beside its own token one that it imagines for another modality.

    Attributes:
        architecture: Its registered name.
        modalities: In slot order.
        classes: Class names in the order of the logits.
        supported_subsets: For which subsets of slots it predicts; None = all.
        calibration: How sure it may be, from clips that it was not trained on; None = unknown.
    """

    architecture: ClassVar[str]
    modalities: ModalitySet
    classes: tuple[str, ...]
    supported_subsets: tuple[Subset, ...] | None = None
    calibration: Calibration | None = None

    def forward(self, batch: ClipBatch, visible: Bool[Tensor, "B M"] | None = None) -> ClassifierOutput:
        """Encode what exists, reconstruct, classify.

        Args:
            batch: Clips after the device transform.
            visible: A subset of `batch.available`; None = all of it.

        Raises:
            ValueError: If a row has no visible modality.
        """
        visible = batch.available if visible is None else visible & batch.available
        tokens = self.encode(batch)
        logits = self.classify(*self.reconstruct(tokens, visible))
        return ClassifierOutput(logits=logits, tokens=tokens, reconstructed=None, visible=visible)

    @abstractmethod
    def encode(self, batch: ClipBatch) -> Float[Tensor, "B M C"]:
        """Tokens of the modalities that exist; zero elsewhere."""

    def reconstruct(
        self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"]]:
        """Fill what is not visible; returns tokens and which of their slots are filled. Here nothing is filled.

        Raises:
            ValueError: If a row has no visible modality.
        """
        if not torch.compiler.is_compiling():
            check_visible(visible)
        return torch.where(visible[:, :, None], tokens, 0.0), visible

    @abstractmethod
    def classify(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""

    def clip_encoder(self, slot: int) -> nn.Module:
        """The part that makes one slot's token of clips that all have its modality: what `actionmae export` writes.

        Returns:
            Called as `ModalityEncoder` is: clip, frame_available, for joints person_available → [R, C].

        Raises:
            ValueError: If this kind of model has no such part.
        """
        raise ValueError(
            f"a model of architecture {self.architecture!r} cannot be taken apart by modality: export and stream need "
            "a class that defines clip_encoder"
        )

    @abstractmethod
    def parts(self) -> list[Part]:
        """What can move into another model, see `transfer`; may be empty."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """JSON-ready: what `from_config` needs."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any], *, modalities: ModalitySet, classes: Sequence[str]) -> "SavedModel":
        """The model with fresh weights."""


_HOMES = {
    "multimodal": "actionmae.nn.classifier:MultiModalClassifier",
    "late_fusion": "actionmae.nn.late_fusion:LateFusion",
    "paired_streams": "actionmae.nn.paired_streams:PairedStreams",
    "ensemble": "actionmae.nn.ensemble:Ensemble",
}


def register_architecture(name: str, home: str) -> None:
    """Let model folders name a further kind of model.

    Args:
        name: The class's `architecture`.
        home: "module:Class", imported when a folder names it.

    Raises:
        ValueError: If the name is taken.
    """
    if name in _HOMES:
        raise ValueError(f"architecture {name!r} is already registered: choose another name")
    _HOMES[name] = home


def find_architecture(name: str) -> type[SavedModel]:
    """The class of a registered architecture.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in _HOMES:
        raise ValueError(f"unknown architecture {name!r}{did_you_mean(name, _HOMES)}: known are {', '.join(_HOMES)}")
    module, _, cls = _HOMES[name].partition(":")
    found: type[SavedModel] = getattr(importlib.import_module(module), cls)
    return found

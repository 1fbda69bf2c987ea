"""A kind of model that is no network of the paper: class means of the clip's mean, averaged over what is there."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClassifierOutput, ClipBatch
from actionmae.nn.architectures import SavedModel
from actionmae.nn.parts import Part


class NearestMean(SavedModel):
    """A slot's token holds its distances to the class means."""

    architecture: ClassVar[str] = "nearest_mean"

    def __init__(self, modalities: ModalitySet, classes: Sequence[str]) -> None:
        super().__init__()
        self.modalities, self.classes = modalities, tuple(classes)
        widths = [int(torch.tensor(spec.shape).prod()) for spec in modalities]
        self.means = torch.nn.ParameterList(torch.randn(len(classes), width) for width in widths)

    def forward(self, batch: ClipBatch, visible: Tensor | None = None) -> ClassifierOutput:
        visible = batch.available if visible is None else visible
        tokens = self.encode(batch)
        logits = self.classify(*self.reconstruct(tokens, visible))
        return ClassifierOutput(logits=logits, tokens=tokens, reconstructed=None, visible=visible)

    def encode(self, batch: ClipBatch) -> Tensor:
        tokens = []
        for slot, spec in enumerate(self.modalities):
            have = batch.available[:, slot, None]
            clip = batch.clips.get(spec.name)
            mean = have.new_zeros(len(batch), self.means[slot].shape[1], dtype=torch.float32)
            mean = mean if clip is None else clip.flatten(2).mean(dim=1)
            tokens.append(torch.where(have, -torch.cdist(mean, self.means[slot]), 0.0))
        return torch.stack(tokens, dim=1)

    def reconstruct(self, tokens: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(visible[:, :, None], tokens, 0.0), visible

    def classify(self, tokens: Tensor, filled: Tensor) -> Tensor:
        return torch.where(filled[:, :, None], tokens, 0.0).sum(dim=1) / filled.sum(dim=1, keepdim=True)

    def parts(self) -> list[Part]:
        return []

    def to_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, modalities: ModalitySet, classes: Sequence[str]
    ) -> "NearestMean":
        return cls(modalities, classes)

"""Fusion of streams that each predict on their own: one head for each modality, and a mean of what they say.

Legend: B batch, M modality, C embed_dim.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.config import ClassifierConfig
from actionmae.nn.fusion import SumFusion
from actionmae.nn.parts import Part
from actionmae.nn.registry import register_fusion


class AverageFusion(SumFusion):
    """The mean of the probabilities of the streams that are there, as log-probabilities.

    A single stream's prediction is its own. See `SumFusion` for the arguments.
    """

    name: ClassVar[str] = "average"

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""
        each = self.by_slot(tokens, filled).log_softmax(dim=2)
        kept = torch.where(filled[:, :, None], each, -torch.inf)
        return kept.logsumexp(dim=1) - filled.sum(dim=1, keepdim=True).log()


class GatedFusion(SumFusion):
    """Σ_m g_m FC^m(z^m): the streams' logits, weighted by a softmax over those that are there (Li et al. 2025, SimMLM).

    The gate g reads all tokens that are there, and begins as the plain mean. A single stream's prediction is its own.
    See `SumFusion` for the arguments.
    """

    name: ClassVar[str] = "gated"

    def __init__(self, *, num_modalities: int, dim: int, num_classes: int) -> None:
        super().__init__(num_modalities=num_modalities, dim=dim, num_classes=num_classes)
        self.gate = nn.Linear(num_modalities * dim, num_modalities)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""
        weights = self.gates(tokens, filled)
        return (weights[:, :, None] * self.by_slot(tokens, filled)).sum(dim=1)

    def gates(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B M"]:
        """Weights that add up to 1 over the filled slots."""
        scores = self.gate(torch.where(filled[:, :, None], tokens, 0.0).flatten(1))
        return torch.where(filled, scores, -torch.inf).softmax(dim=1)

    def parts(self, names: Sequence[str], layers: Mapping[str, Any], classes: Mapping[str, Any]) -> list[Part]:
        """The heads, and the gate, which knows the modalities by their slots; see `nn.parts`."""
        settings = {"fusion": self.name, "embed_dim": layers["embed_dim"]}
        gate = Part(role="gate", prefix="fusion.gate.", settings=settings, only_for={"modalities": list(names)})
        return [*super().parts(names, layers, classes), gate]


@register_fusion("average")
def _average(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    return AverageFusion(num_modalities=num_modalities, dim=config.embed_dim, num_classes=num_classes)


@register_fusion("gated")
def _gated(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    return GatedFusion(num_modalities=num_modalities, dim=config.embed_dim, num_classes=num_classes)

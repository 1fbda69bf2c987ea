"""Fusion of streams that each predict on their own: one head for each modality, and a mean of what they say.

Legend: B batch, M modality, C embed_dim.
"""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.config import ClassifierConfig
from actionmae.nn.fusion import SumFusion
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


@register_fusion("average")
def _average(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    return AverageFusion(num_modalities=num_modalities, dim=config.embed_dim, num_classes=num_classes)

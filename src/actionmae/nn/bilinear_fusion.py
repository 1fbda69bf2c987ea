"""Deep bilinear learning (Table 6): modalities and time are pooled together, by one matrix for each.

Hu, Zheng, Pan, Lai, Zhang, *Deep Bilinear Learning for RGB-D Action Recognition*, ECCV 2018. From the paper: the cube
modality × time × feature goes through bilinear blocks, each of which mixes the modalities by one matrix and time by
another, the same for every feature. Choices: two blocks, their sizes, LayerNorm, and that a missing modality is 0: the
method knows complete clips only.

Legend: B batch, M modality, S segment, D features of a segment, C = S · D embed_dim.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.config import ClassifierConfig
from actionmae.nn.registry import register_fusion
from actionmae.nn.segment_means import SEGMENTS

BLOCKS = ((8, 4), (4, 2))
"""Rows over modalities and over time that each block gives."""


class BilinearBlock(nn.Module):
    """X ↦ ReLU(LayerNorm(A X B)) with A over modalities and B over time.

    Args:
        before: Modalities and segments of X.
        after: Of the result.
        width: D.
    """

    def __init__(self, before: tuple[int, int], after: tuple[int, int], *, width: int) -> None:
        super().__init__()
        self.modalities = nn.Linear(before[0], after[0], bias=False)
        self.time = nn.Linear(before[1], after[1], bias=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "B M S D"]) -> Float[Tensor, "B M2 S2 D"]:
        """The same features of other modalities and times."""
        x = self.modalities(x.transpose(1, 3)).transpose(1, 3)
        x = self.time(x.transpose(2, 3)).transpose(2, 3)
        out: Tensor = self.norm(x).relu()
        return out


class BilinearFusion(nn.Module):
    """Tokens of `SegmentMeans` → bilinear blocks → one FC.

    Args:
        num_modalities: M.
        dim: C, a multiple of S.
        num_classes: Width of the logits.
    """

    def __init__(self, *, num_modalities: int, dim: int, num_classes: int) -> None:
        super().__init__()
        width = dim // SEGMENTS
        sizes = ((num_modalities, SEGMENTS), *BLOCKS)
        self.blocks = nn.Sequential(
            *(BilinearBlock(before, after, width=width) for before, after in zip(sizes, BLOCKS, strict=False))
        )
        self.head = nn.Linear(BLOCKS[-1][0] * BLOCKS[-1][1] * width, num_classes)

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""
        kept = torch.where(filled[:, :, None], tokens, 0.0)
        cube = kept.reshape(*kept.shape[:2], SEGMENTS, -1)
        logits: Tensor = self.head(self.blocks(cube).flatten(1))
        return logits


@register_fusion("bilinear")
def _bilinear(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    if config.time_encoder != "segments":
        raise ValueError("model.fusion 'bilinear' pools over time: set model.time_encoder to segments")
    return BilinearFusion(num_modalities=num_modalities, dim=config.embed_dim, num_classes=num_classes)

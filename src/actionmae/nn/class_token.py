"""A sequence → its class token (Eq. 2–4): the shape that the time transformer and the fusion transformer share.

Legend: B sequences, N token, C embed_dim.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.attention import Transformer, sincos_positions
from actionmae.nn.config import TransformerConfig


class ClassTokenTransformer(nn.Module):
    """[cls, x_1 … x_N] + pos through a transformer; cls has position 0, token n has n.

    Args:
        length: Most tokens of a sequence, cls not counted.
        config: Of the transformer.
    """

    pos: Tensor

    def __init__(self, *, length: int, config: TransformerConfig) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, config.dim) * 0.02)
        self.register_buffer("pos", sincos_positions(length + 1, config.dim), persistent=False)
        self.layers = Transformer(config)

    def summarise(self, x: Float[Tensor, "B N C"], mask: Bool[Tensor, "B N"] | None) -> Float[Tensor, "B C"]:
        """Class token of the last layer; tokens that are masked (False) are never attended to."""
        batch, length, _ = x.shape
        sequence = torch.cat([self.cls_token.expand(batch, -1, -1), x], dim=1)  # [B, 1 + N, C]
        if mask is not None:
            mask = torch.cat([mask.new_ones(batch, 1), mask], dim=1)
        out: Tensor = self.layers(sequence, pos=self.pos[: length + 1], mask=mask, first=1)
        return out[:, 0]

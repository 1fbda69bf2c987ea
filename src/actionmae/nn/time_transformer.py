"""Time encoder (Eq. 2–4): [cls, x_1 … x_T] + pos → L layers → the class token z.

Legend: R rows (clips that have this modality), T frame, C embed_dim.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.choices import Positions
from actionmae.nn.attention import Transformer, sincos_positions


class TimeTransformer(nn.Module):
    """Summarise a clip's frame features in its class token.

    Args:
        dim: C.
        num_frames: T; shorter sequences are accepted.
        depth: L (paper: 2).
        num_heads: Attention heads.
        mlp_dim: Feed-forward width.
        dropout: 0–1.
        positions: Where the temporal positions enter.
        final_norm: LayerNorm on the output.
    """

    pos: Tensor

    def __init__(
        self,
        *,
        dim: int,
        num_frames: int,
        depth: int = 2,
        num_heads: int = 8,
        mlp_dim: int = 2048,
        dropout: float = 0.0,
        positions: Positions = "input",
        final_norm: bool = True,
    ) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.register_buffer("pos", sincos_positions(num_frames + 1, dim), persistent=False)
        self.layers = Transformer(
            dim=dim,
            depth=depth,
            num_heads=num_heads,
            mlp_dim=mlp_dim,
            dropout=dropout,
            positions=positions,
            final_norm=final_norm,
        )

    def forward(
        self, x: Float[Tensor, "R T C"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """Class token of the last layer; frames that do not exist are never attended to.

        Raises:
            ValueError: If there are more frames than positions.
        """
        rows, frames, _ = x.shape
        if frames >= len(self.pos):
            raise ValueError(f"a clip has {frames} frames, this model was built for at most {len(self.pos) - 1}")
        sequence = torch.cat([self.cls_token.expand(rows, -1, -1), x], dim=1)  # [R, 1 + T, C]
        mask = None
        if frame_available is not None:
            mask = torch.cat([frame_available.new_ones(rows, 1), frame_available], dim=1)
        out: Tensor = self.layers(sequence, pos=self.pos[: frames + 1], mask=mask)
        return out[:, 0]

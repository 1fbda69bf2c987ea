"""Means over equal parts of a clip in place of the time transformer: a token that keeps a coarse time axis.

Legend: R rows (clips that have this modality), T frame, C embed_dim, S segment.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

SEGMENTS = 8
"""S; C must be divisible by it."""


class SegmentMeans(nn.Module):
    """Frame features → projected to C / S, averaged over each of S parts of the clip, one after the other in the token.

    Args:
        embed_dim: C.

    Raises:
        ValueError: If C is not divisible by S.
    """

    def __init__(self, *, embed_dim: int) -> None:
        super().__init__()
        if embed_dim % SEGMENTS:
            raise ValueError(
                f"model.embed_dim is {embed_dim}: time_encoder 'segments' needs a multiple of {SEGMENTS}, its segments"
            )
        self.project = nn.Linear(embed_dim, embed_dim // SEGMENTS)

    def forward(
        self, x: Float[Tensor, "R T C"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """S means of the frames that exist; a part without any is 0. Fewer frames than parts count for several."""
        frames = x.shape[1]
        at = torch.arange(SEGMENTS, device=x.device)[:, None]
        frame = torch.arange(frames, device=x.device)[None]
        first, end = at * frames // SEGMENTS, -(-(at + 1) * frames // SEGMENTS)
        member = ((frame >= first) & (frame < end)).to(x.dtype).expand(len(x), -1, -1)  # [R, S, T]
        if frame_available is not None:
            member = member * frame_available[:, None].to(x.dtype)
        means: Tensor = member @ self.project(x) / member.sum(dim=2, keepdim=True).clamp(min=1)
        return means.flatten(1)

"""A time encoder that is told what moves: the paper's (Eq. 2–4), on standardised frame features and their changes.

Not in the paper. Most of what an image network says of a frame is the same in all frames of a clip: the person, the
room. A few hundred clips hardly teach Eq. 2–4 to look past it. So each feature is standardised over the frames of a
batch, and the change since the frame before is added to it, through one matrix. Once standardised, frames of several
modalities can be read by one and the same network, which then learns from all of them: see `share`. What this is
worth: docs/research.md.

Legend: R rows (clips that have this modality), T frame, C embed_dim.
"""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.config import TransformerConfig
from actionmae.nn.frames import gather_scatter
from actionmae.nn.time_transformer import TimeTransformer


class MotionTransformer(nn.Module):
    """x̂ = BatchNorm(x); x̂_t + W (x̂_t − x̂_{t−1}) through the time transformer.

    Args:
        num_frames: T; shorter sequences are accepted.
        config: Of the transformer.
    """

    def __init__(self, *, num_frames: int, config: TransformerConfig) -> None:
        super().__init__()
        self.embed_dim = config.dim
        self.standardise = nn.BatchNorm1d(config.dim)
        self.change = nn.Linear(config.dim, config.dim, bias=False)
        self.transformer = TimeTransformer(num_frames=num_frames, config=config)

    def forward(
        self, x: Float[Tensor, "R T C"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """Class token of the last layer; frames that do not exist are never attended to.

        Raises:
            ValueError: If there are more frames than positions.
        """
        x = gather_scatter(self.standardise, x, frame_available, self.embed_dim, training=self.training)
        token: Tensor = self.transformer(x + self.change(changes(x, frame_available)), frame_available=frame_available)
        return token


def share(encoders: Sequence[MotionTransformer]) -> None:
    """Let all use the first one's matrix, class token and layers; each keeps its own standardisation and positions."""
    for other in encoders[1:]:
        other.change = encoders[0].change
        other.transformer.cls_token = encoders[0].transformer.cls_token
        other.transformer.layers = encoders[0].transformer.layers


def part(encoders: Sequence[MotionTransformer]) -> None:
    """Give each a copy of its own of what it shared."""
    for other in encoders[1:]:
        other.change = copy.deepcopy(other.change)
        other.transformer.cls_token = copy.deepcopy(other.transformer.cls_token)
        other.transformer.layers = copy.deepcopy(other.transformer.layers)


def changes(x: Float[Tensor, "R T C"], frame_available: Bool[Tensor, "R T"] | None) -> Float[Tensor, "R T C"]:
    """x_t − x_{t−1}; zero in the first frame, and where either frame does not exist."""
    change = x[:, 1:] - x[:, :-1]
    if frame_available is not None:
        change = torch.where((frame_available[:, 1:] & frame_available[:, :-1])[:, :, None], change, 0.0)
    return torch.cat([torch.zeros_like(x[:, :1]), change], dim=1)

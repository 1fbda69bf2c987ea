"""A time encoder that is told what moves: the paper's (Eq. 2–4), on standardised frame features and their changes.

Not in the paper. Most of what an image network says of a frame is the same in all frames of a clip: the person, the
room. A few hundred clips hardly teach Eq. 2–4 to look past it. So each feature is standardised over the frames of a
batch, and the change since the frame before is added to it, through one matrix. Once standardised, frames of several
modalities can be read by one and the same network, which then learns from all of them. What this is worth:
docs/research.md.

Legend: R rows (clips that have this modality), T frame, C embed_dim.
"""

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
        shared: Another modality's, whose matrix and transformer this one uses; only the standardisation is its own.
            None = all its own.
    """

    def __init__(
        self, *, num_frames: int, config: TransformerConfig, shared: "MotionTransformer | None" = None
    ) -> None:
        super().__init__()
        self.embed_dim = config.dim
        self.standardise = nn.BatchNorm1d(config.dim)
        if shared is None:
            self.change = nn.Linear(config.dim, config.dim, bias=False)
            self.transformer = TimeTransformer(num_frames=num_frames, config=config)
        else:
            self.change, self.transformer = shared.change, shared.transformer

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


def changes(x: Float[Tensor, "R T C"], frame_available: Bool[Tensor, "R T"] | None) -> Float[Tensor, "R T C"]:
    """x_t − x_{t−1}; zero in the first frame, and where either frame does not exist."""
    change = x[:, 1:] - x[:, :-1]
    if frame_available is not None:
        change = torch.where((frame_available[:, 1:] & frame_available[:, :-1])[:, :, None], change, 0.0)
    return torch.cat([torch.zeros_like(x[:, :1]), change], dim=1)

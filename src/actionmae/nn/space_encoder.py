"""Space encoder for frames (Eq. 1): x_i = avgpool(E(f_i)).

Only frames that exist are encoded: see `frames.gather_scatter`.

Legend: R rows (clips that have this modality), T frame, H W pixels, C embed_dim, F frames that exist.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.frames import gather_scatter


class SpaceEncoder(nn.Module):
    """Eq. 1: per-frame features of an image network, projected to C where the widths differ.

    Args:
        network: [F, channels, H, W] → [F, width], its average over space included.
        width: Of the network's features.
        embed_dim: C.
        rescale: (factor, offset) of each channel, from frames normalised with ImageNet's mean and standard deviation
            to what the network's weights were trained with; None = the same.
    """

    streamable = True
    """A frame's features depend on this frame alone."""

    def __init__(
        self,
        network: nn.Module,
        *,
        width: int,
        embed_dim: int,
        rescale: tuple[Sequence[float], Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.embed_dim = embed_dim
        self.project: nn.Module = nn.Identity() if width == embed_dim else nn.Linear(width, embed_dim)
        self.rescale: Tensor | None
        self.register_buffer("rescale", None if rescale is None else torch.tensor(rescale), persistent=False)

    def forward(
        self, frames: Float[Tensor, "R T channels H W"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R T C"]:
        """Features of the frames that exist; zero elsewhere."""
        return gather_scatter(self._encode, frames, frame_available, self.embed_dim, training=self.training)

    def _encode(self, frames: Float[Tensor, "F channels H W"]) -> Float[Tensor, "F C"]:
        if self.rescale is not None:
            factor, offset = self.rescale[:, :, None, None]
            frames = frames * factor + offset
        features: Tensor = self.project(self.network(frames.contiguous(memory_format=torch.channels_last)))
        return features

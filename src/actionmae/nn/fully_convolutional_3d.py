"""3DFCNN (Table 6): a fully convolutional 3D network over the whole clip.

Sanchez-Caballero et al., *3DFCNN: Real-time action recognition using 3D deep neural networks with raw depth
information*, Multimedia Tools and Applications 2022. From the paper: 3D convolutions of 3 × 3 × 3 with BatchNorm, leaky
ReLU and max pooling, no fully connected layer but a convolution of 1 × 1 × 1 and a global average. Choices: four
stages, their widths, and that time is halved only in the last two, so that short clips keep some of it.

Legend: R rows (clips that have this modality), T frame, H W pixels, C embed_dim.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.frames import nearest_available

STAGES = ((32, (1, 2, 2)), (64, (1, 2, 2)), (128, (2, 2, 2)), (256, (2, 2, 2)))
"""Width, and pooling over time, height and width."""


class FullyConvolutional3D(nn.Module):
    """Clip → one vector.

    Args:
        in_chans: Channels of a frame.
        embed_dim: C.
    """

    streamable = False
    """Its convolutions run over time: a new frame changes the features of its neighbours."""

    def __init__(self, *, in_chans: int, embed_dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, pool in STAGES:
            layers += [
                nn.Conv3d(in_chans, width, 3, padding=1, bias=False),
                nn.BatchNorm3d(width),
                nn.LeakyReLU(0.1, inplace=True),
                nn.MaxPool3d(pool, ceil_mode=True),
            ]
            in_chans = width
        self.network = nn.Sequential(*layers, nn.Conv3d(in_chans, embed_dim, 1))

    def forward(
        self, frames: Float[Tensor, "R T channels H W"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """One vector a clip. A frame that is missing is replaced by the nearest one that exists."""
        if frame_available is not None:
            nearest = nearest_available(frame_available)
            frames = frames[torch.arange(len(frames), device=frames.device)[:, None], nearest]
        features: Tensor = self.network(frames.transpose(1, 2))
        return features.mean(dim=(2, 3, 4))

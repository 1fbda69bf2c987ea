"""A small space encoder for small frames of one centred person, trained from scratch on few clips.

Legend: F frames, H W pixels.
"""

from jaxtyping import Float
from torch import Tensor, nn

GRID = 4
"""Cells along each side of the last feature map."""


class GridCNN(nn.Module):
    """Three strided convolutions, averages over a 4 × 4 grid, one linear layer.

    Eq. 1 averages over the whole frame, which keeps of a limb's place only what the channels of a deep network encode;
    a few hundred clips cannot teach it that. Here the place survives. See docs/results.md.

    Args:
        in_chans: Channels of a frame.
        num_features: Width of the output.
        width: Channels of the first convolution; the third has 4 × as many.
    """

    def __init__(self, *, in_chans: int, num_features: int, width: int = 16) -> None:
        super().__init__()
        self.num_features = num_features
        channels = (in_chans, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for stage, kernel in enumerate((5, 3, 3)):
            conv = nn.Conv2d(channels[stage], channels[stage + 1], kernel, stride=2, padding=kernel // 2, bias=False)
            layers += [conv, nn.BatchNorm2d(channels[stage + 1]), nn.ReLU(inplace=True)]
        layers += [nn.AdaptiveAvgPool2d(GRID), nn.Flatten(), nn.Linear(GRID * GRID * channels[-1], num_features)]
        self.network = nn.Sequential(*layers, nn.LayerNorm(num_features))

    def forward(self, frames: Float[Tensor, "F channels H W"]) -> Float[Tensor, "F num_features"]:
        """Features of each frame."""
        features: Tensor = self.network(frames)
        return features

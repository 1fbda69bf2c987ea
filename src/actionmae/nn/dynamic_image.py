"""Dynamic images (Table 6): a clip as one image in which later frames weigh more than earlier ones.

Ren et al., *Multi-modality learning for human action recognition*, Multimedia Tools and Applications 2021: RGB and
depth become images by rank pooling, each is read by an image network, and their features are fused. Approximate rank
pooling is that of Bilen et al., *Dynamic Image Networks for Action Recognition*, CVPR 2016: frame t of T has the weight
2t − T − 1. Choices: one image a clip, and that it is brought to zero mean and unit variance.

Legend: R rows (clips that have this modality), T frame, H W pixels, C embed_dim.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class DynamicImageEncoder(nn.Module):
    """Clip → dynamic image → one vector.

    Args:
        space: Encoder of single frames, [R, T, channels, H, W] → [R, T, C].
    """

    streamable = False
    """A frame's weight depends on how many there are."""

    def __init__(self, space: nn.Module) -> None:
        super().__init__()
        self.space = space

    def forward(
        self, frames: Float[Tensor, "R T channels H W"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """One vector a clip, from the frames that exist."""
        features: Tensor = self.space(dynamic_image(frames, frame_available)[:, None], frame_available=None)
        return features[:, 0]


def dynamic_image(
    frames: Float[Tensor, "R T channels H W"], frame_available: Bool[Tensor, "R T"] | None = None
) -> Float[Tensor, "R channels H W"]:
    """Σ_t (2t − T − 1) f_t over the T frames that exist, of zero mean and unit variance; a single frame is itself."""
    if frame_available is None:
        frame_available = torch.ones(frames.shape[:2], dtype=torch.bool, device=frames.device)
    count = frame_available.sum(dim=1, keepdim=True)
    place = frame_available.cumsum(dim=1)  # t of the frames that exist, from 1
    weight = torch.where(count > 1, 2 * place - count - 1, 1) * frame_available
    kept = torch.where(frame_available[:, :, None, None, None], frames, 0.0)
    image = torch.einsum("rt,rtchw->rchw", weight.to(frames.dtype), kept)
    deviation, mean = torch.std_mean(image, dim=(1, 2, 3), keepdim=True, correction=0)
    return (image - mean) / (deviation + 1e-5)

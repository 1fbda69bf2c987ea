"""What a sensor saw in each frame, in few numbers: the targets of `CrossPrediction`.

Legend: B batch, M modality, T frame, C channel, P person, J joint, H W pixels, L sample of a window, D numbers a frame.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from actionmae.core.modality import ModalitySpec

IMAGE_GRID = 8
"""Cells along each side of a frame."""
WINDOW_PARTS = 6
"""Means along a signal's window."""


def coarse_size(spec: ModalitySpec) -> int:
    """D of `coarse_frames` for a modality."""
    if spec.kind == "frames":
        return spec.shape[0] * IMAGE_GRID**2
    if spec.kind == "signal":
        return spec.shape[0] * WINDOW_PARTS
    return torch.Size(spec.shape).numel()


def coarse_frames(spec: ModalitySpec, clip: Tensor) -> Float[Tensor, "B T D"]:
    """Each frame as a small vector: images in 8 × 8 cells, a signal's window in 6 means, joints and features whole.

    Args:
        spec: The modality.
        clip: After the device transform; see `ClipBatch`.
    """
    rows = clip.shape[:2]
    if spec.kind == "frames":
        clip = F.adaptive_avg_pool2d(clip.flatten(0, 1), IMAGE_GRID)
    elif spec.kind == "signal":
        clip = F.adaptive_avg_pool1d(clip.flatten(0, 1), WINDOW_PARTS)
    return clip.reshape(*rows, -1)


def standardised(values: Float[Tensor, "B T D"], have: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
    """Each of the D numbers with zero mean and unit variance over the frames that exist; zero elsewhere."""
    weight = have[:, :, None] / have.sum().clamp(min=1)
    kept = torch.where(have[:, :, None], values, 0.0)
    mean = (kept * weight).sum(dim=(0, 1))
    variance = ((kept - mean).square() * weight).sum(dim=(0, 1))
    return torch.where(have[:, :, None], (kept - mean) / (variance + 1e-5).sqrt(), 0.0)


def resampled(
    values: Float[Tensor, "B T D"], have: Bool[Tensor, "B T"], num_frames: int
) -> tuple[Float[Tensor, "B F D"], Bool[Tensor, "B F"]]:
    """The same clip in another number of frames, each the mean of the existing ones that it spans; where there are any.

    A clip spans the same time in all modalities, so that frame i of one lies where frame i of the other does.
    """
    if values.shape[1] == num_frames:
        return values, have
    share = F.adaptive_avg_pool1d(have.float()[:, None], num_frames)  # [B, 1, F]
    total = F.adaptive_avg_pool1d(torch.where(have[:, :, None], values, 0.0).transpose(1, 2), num_frames)
    return (total / share.clamp(min=1e-6)).transpose(1, 2), share[:, 0] > 0

"""Joints and signals as the network sees them: placed at the person, turned, scaled, mirrored.

Shapes: B batch, T frame, P person, J joint, C channel, L sample of a window.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from actionmae.core.modality import Mirror


def center_joints(
    joints: Float[Tensor, "B T P J 3"], person_available: Bool[Tensor, "B T P"]
) -> Float[Tensor, "B T P J 3"]:
    """Move each clip so that the first person's joints have mean 0 in the first frame that shows that person.

    Where the person stands in the room does not matter then, how it moves through it does. If the first person is
    never seen, the next one counts.
    """
    rows, frames, persons = person_available.shape
    seen = person_available.transpose(1, 2).reshape(rows, persons * frames)  # the first person's frames come first
    first = seen.int().argmax(dim=1)
    person, frame = first // frames, first % frames
    origin = joints[torch.arange(rows, device=joints.device), frame, person].mean(dim=1)  # (B, 3)
    return joints - origin[:, None, None, None]


def turn_joints(joints: Float[Tensor, "B T P J 3"], degrees: Float[Tensor, " B"]) -> Float[Tensor, "B T P J 3"]:
    """Turn each clip about the vertical axis y, as if the camera stood elsewhere."""
    angle = torch.deg2rad(degrees.to(joints.device))
    cos, sin, zero, one = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle), torch.ones_like(angle)
    matrix = torch.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], dim=1).view(-1, 3, 3)
    return torch.einsum("bdc,btpjc->btpjd", matrix, joints)


def mirror_joints(joints: Float[Tensor, "*shape J 3"], mirror: Mirror) -> Float[Tensor, "*shape J 3"]:
    """Exchange left and right."""
    if mirror.permutation:
        joints = joints[..., list(mirror.permutation), :]
    return joints * _signs(mirror, 3, joints)


def mirror_signal(signal: Float[Tensor, "*shape C L"], mirror: Mirror) -> Float[Tensor, "*shape C L"]:
    """Exchange the channels of left and right sensors, and the signs of the axis between them."""
    if mirror.permutation:
        signal = signal[..., list(mirror.permutation), :]
    return signal * _signs(mirror, signal.shape[-2], signal)[:, None]


def signal_spread(
    signal: Float[Tensor, "B T C L"], frame_available: Bool[Tensor, "B T"] | None
) -> Float[Tensor, "B 1 C 1"]:
    """Standard deviation of each channel of each clip over the windows that exist."""
    weight = torch.ones(signal.shape[:2], device=signal.device) if frame_available is None else frame_available.float()
    weight = weight[:, :, None, None]
    kept = torch.where(weight > 0, signal, 0.0)
    count = weight.sum(dim=1, keepdim=True).clamp(min=1) * signal.shape[3]
    mean = kept.sum(dim=(1, 3), keepdim=True) / count
    deviation = torch.where(weight > 0, signal - mean, 0.0)
    return (deviation.square().sum(dim=(1, 3), keepdim=True) / count).sqrt()


def _signs(mirror: Mirror, size: int, like: Tensor) -> Tensor:
    signs = torch.ones(size, dtype=like.dtype, device=like.device)
    signs[list(mirror.negate)] = -1
    return signs

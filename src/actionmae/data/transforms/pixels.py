"""Pixels as stored → pixels as the network sees them: JET depth, replicated infrared, flow, colour jitter.

Shapes: B batch, T frame, C channel, H W pixels. All of a clip's frames are treated alike.
"""

from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from actionmae.core.modality import ModalitySpec
from actionmae.core.normalization import IMAGENET_MEAN, IMAGENET_STD

_LUMA = (0.299, 0.587, 0.114)
_NO_READING = 256  # row of the JET table that stands for depth 0


def to_float(
    clip: Shaped[Tensor, "B T c H W"],
    spec: ModalitySpec,
    jitter: Float[Tensor, "B 4"] | None = None,
    frame_available: Bool[Tensor, "B T"] | None = None,
) -> Float[Tensor, "B T C H W"]:
    """Turn stored pixels into network input.

    Args:
        clip: color c = 3, gray c = 1, flow c = 2, all uint8; depth c = 1, uint16 millimetres.
        spec: The modality; its shape says C. Three channels get ImageNet's mean and standard deviation. With C = 1,
            gray lies in −1…1 and depth in 0 (far, no reading) … 1 (near). Flow lies in −1…1.
        jitter: Per clip the brightness, contrast and saturation factors and the hue turn (0–1), or None; only for
            color and for depth in three channels.
        frame_available: What exists; missing frames do not enter a clip's own statistics. None = all.

    Raises:
        ValueError: If C does not suit the value.
    """
    channels = spec.shape[0]
    allowed = {"color": (3,), "gray": (1, 3), "depth": (1, 3), "flow": (2,)}[spec.value]
    if channels not in allowed:
        known = " or ".join(map(str, allowed))
        raise ValueError(f"modality {spec.name!r} ({spec.value}) has {channels} channels: give {known}")
    if spec.value == "flow":
        return (clip.float() - 128.0) / 128.0
    if channels == 1 and spec.value == "gray":
        return clip.float() / 127.5 - 1.0
    if spec.value == "depth":
        return _depth(clip, spec, jitter, frame_available)
    if jitter is not None:
        return _normalize(_jitter(clip.float() / 255.0, jitter, frame_available))
    mean, std = _mean_std(clip.device)
    return clip * (1.0 / (255.0 * std)) - mean / std  # gray: one channel broadcasts to three


def jet_table() -> Float[Tensor, "257 3"]:
    """OpenCV's COLORMAP_JET as RGB in 0–1 (row 0 blue = near, row 255 red = far); row 256 is black, "no reading"."""
    return _jet_table().clone()


@lru_cache(maxsize=1)
def _jet_table() -> Tensor:
    levels = np.arange(256, dtype=np.uint8)[None]
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_JET)[0]
    rgb = torch.from_numpy(np.ascontiguousarray(bgr[:, ::-1])).float() / 255.0
    return torch.cat([rgb, torch.zeros(1, 3)])


def _depth(
    clip: Tensor, spec: ModalitySpec, jitter: Tensor | None, frame_available: Tensor | None
) -> Float[Tensor, "B T C H W"]:
    depth = clip[:, :, 0].to(torch.int32)  # torch can neither compare nor subtract uint16
    valid = depth > 0
    near, far = _range(depth, valid, spec, frame_available)
    level = ((depth - near) * (255.0 / (far - near))).round_().clamp_(0, 255)
    if spec.shape[0] == 1:
        return torch.where(valid, 1.0 - level / 255.0, 0.0)[:, :, None]
    index = torch.where(valid, level.long(), _NO_READING)
    table = _jet_table().to(clip.device)
    if jitter is None:  # normalising 257 colours costs less than normalising all pixels
        mean, std = (part.view(3) for part in _mean_std(clip.device))
        return _look_up((table - mean) / std, index)
    seen = valid[:, :, None]
    return _normalize(_jitter(_look_up(table, index), jitter, frame_available) * seen)  # no reading stays black


def _look_up(table: Tensor, index: Tensor) -> Tensor:
    return torch.stack([channel[index] for channel in table.T.contiguous()], dim=2)  # (B, T, 3, H, W)


def _range(
    depth: Tensor, valid: Tensor, spec: ModalitySpec, frame_available: Tensor | None
) -> tuple[Tensor | float, Tensor | float]:
    """Near and far in millimetres: fixed, or each clip's own [B, 1, 1, 1]."""
    if spec.value_range is not None:
        return spec.value_range
    if frame_available is not None:
        valid = valid & frame_available[:, :, None, None]
    ends = torch.iinfo(torch.int32)
    near = torch.where(valid, depth, ends.max).amin(dim=(1, 2, 3), keepdim=True)
    far = torch.where(valid, depth, ends.min).amax(dim=(1, 2, 3), keepdim=True)
    near = torch.where(near == ends.max, 0, near).float()  # a clip without any reading
    return near, torch.maximum(far.float(), near + 1.0)


def _jitter(
    clip: Float[Tensor, "B T 3 H W"], jitter: Float[Tensor, "B 4"], frame_available: Tensor | None
) -> Float[Tensor, "B T 3 H W"]:
    """Brightness, contrast, saturation, hue in this order, as one matrix and one offset per clip; clipped to 0–1."""
    brightness, contrast, saturation, hue = jitter.to(clip.device).T  # (B,) each
    luma = torch.tensor(_LUMA, device=clip.device)
    gray = torch.einsum("btchw,c->bt", clip, luma) / (clip.shape[3] * clip.shape[4])
    seen = torch.ones_like(gray) if frame_available is None else frame_available.to(gray.dtype)
    mean = (gray * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1) * brightness  # (B,) of all frames
    saturate = torch.diag_embed(saturation[:, None].expand(-1, 3)) + (1 - saturation)[:, None, None] * luma
    matrix = _hue_matrix(hue) @ saturate * (contrast * brightness)[:, None, None]
    # Saturation and hue leave gray as it is, so contrast's gray offset passes through them.
    offset = ((1 - contrast) * mean)[:, None, None, None, None]
    jittered: Tensor = torch.einsum("bdc,btchw->btdhw", matrix, clip) + offset
    return jittered.clamp_(0.0, 1.0)


def _hue_matrix(turn: Float[Tensor, " B"]) -> Float[Tensor, "B 3 3"]:
    """Turn the colour circle in YIQ space, where hue is a rotation."""
    yiq = torch.tensor([_LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)], device=turn.device)
    cos, sin = torch.cos(2 * torch.pi * turn), torch.sin(2 * torch.pi * turn)
    zero, one = torch.zeros_like(turn), torch.ones_like(turn)
    rotation = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).view(-1, 3, 3)
    matrix: Tensor = torch.linalg.inv(yiq) @ rotation @ yiq
    return matrix


def _normalize(clip: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T 3 H W"]:
    mean, std = _mean_std(clip.device)
    normalized: Tensor = (clip - mean) / std
    return normalized


def _mean_std(device: torch.device) -> tuple[Tensor, Tensor]:
    mean = torch.tensor(IMAGENET_MEAN, device=device).view(3, 1, 1)
    return mean, torch.tensor(IMAGENET_STD, device=device).view(3, 1, 1)

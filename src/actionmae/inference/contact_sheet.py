"""Clips as one picture: every frame that the network gets, with its number and time.

Shapes: T frame, C channel, H W pixels, P person, J joint, L sample of a window; a picture is [h, w, 3] uint8 RGB.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from actionmae.core.normalization import IMAGENET_MEAN, IMAGENET_STD
from actionmae.inference.as_seen import SeenModality
from actionmae.inference.bones import bones

Picture = NDArray[np.uint8]

_TILE, _PER_ROW, _GAP = 112, 16, 4
_WIDTH = _PER_ROW * (_TILE + _GAP) + _GAP
_CHANNELS, _STRIP = 12, 36
"""A signal shows at most so many channels, each in a strip so many pixels high."""
_INK, _FAINT, _PAPER, _ABSENT = (32, 32, 32), (140, 140, 140), (255, 255, 255), (225, 225, 225)
_COLOURS = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189), (255, 127, 14), (23, 190, 207))


def contact_sheet(title: str, clip: Sequence[SeenModality], missing: Sequence[str] = ()) -> Picture:
    """One clip: a block for each modality that exists, and a line that names those that do not.

    Args:
        title: Name and label.
        clip: What exists.
        missing: Names of modalities that do not.
    """
    parts = [_line(title, size=18)]
    for seen in clip:
        parts += [_line(_heading(seen)), *_block(seen)]
    if missing:
        parts.append(_line(f"missing: {', '.join(missing)}"))
    return np.concatenate(parts)


def _heading(seen: SeenModality) -> str:
    spec = seen.spec
    shape = " x ".join(map(str, spec.shape))
    clock = "on the clip's clock" if seen.on_clock else "from its own start"
    when = "times unknown" if seen.seconds is None else f"times {clock}"
    unit = "samples" if spec.kind == "signal" else "frames"
    return (
        f"{spec.name} ({spec.letter}), {len(seen.clip)} x {shape}, of {seen.num_frames} {unit}, {when}: {seen.source}"
    )


def _block(seen: SeenModality) -> list[Picture]:
    if seen.spec.kind == "signal":
        return [_strips(seen)]
    if seen.spec.kind == "features":
        return [_bars(seen)]
    pictures = _images(seen) if seen.spec.kind == "frames" else _persons(seen)
    tiles = [_tile(seen, at, picture) for at, picture in enumerate(pictures)]
    return [_row(tiles[at : at + _PER_ROW]) for at in range(0, len(tiles), _PER_ROW)]


def _images(seen: SeenModality) -> list[Picture]:
    """[C, H, W] network input each → RGB."""
    clip: NDArray[Any] = seen.clip
    if clip.shape[1] == 3:
        clip = clip * np.array(IMAGENET_STD)[:, None, None] + np.array(IMAGENET_MEAN)[:, None, None]
    elif clip.shape[1] == 2:  # flow: right and down in red and green
        clip = np.concatenate([clip / 2 + 0.5, np.full_like(clip[:, :1], 0.5)], axis=1)
    elif seen.spec.value == "gray":
        clip = (clip / 2 + 0.5).repeat(3, axis=1)
    else:
        clip = clip.repeat(3, axis=1)
    images = (255 * clip).round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return [_fitted(image) for image in images]


def _fitted(image: Picture) -> Picture:
    """The image as large as a tile allows, in the middle of it."""
    height, width = image.shape[:2]
    scale = _TILE / max(height, width)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    out = np.full((_TILE, _TILE, 3), _PAPER, np.uint8)
    top, left = (_TILE - size[1]) // 2, (_TILE - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = small
    return out


def _persons(seen: SeenModality) -> list[Picture]:
    """[P, J, 3] joints each, seen from the front, all at one scale."""
    joints = seen.clip
    there = (joints != 0).any(axis=(2, 3)) & seen.exists[:, None]  # (T, P): an absent person's joints are all 0
    if not there.any():
        return [np.full((_TILE, _TILE, 3), _PAPER, np.uint8) for _ in joints]
    points = joints[there][..., :2]  # (n, J, 2)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    scale = 0.9 * _TILE / max(float((high - low).max()), 1e-6)
    middle = (low + high) / 2
    lines = bones(joints[there])
    pictures = []
    for frame, persons in zip(joints, there, strict=True):
        image, draw = _canvas(_TILE, _TILE)
        for person in np.flatnonzero(persons):
            at = (frame[person, :, :2] - middle) * (scale, -scale) + _TILE / 2
            colour = _COLOURS[int(person) % len(_COLOURS)]
            for one, other in lines:
                draw.line([*at[one], *at[other]], fill=colour, width=2)
        pictures.append(np.asarray(image))
    return pictures


def _tile(seen: SeenModality, at: int, picture: Picture) -> Picture:
    """A frame with its number and time below."""
    if not seen.exists[at]:
        picture = np.full_like(picture, _ABSENT)
    time = "" if seen.seconds is None else f"   {seen.seconds[at]:.2f} s"
    return np.concatenate([picture, _line(f"{seen.frames[at]}{time}", size=11, width=_TILE)])


def _row(tiles: Sequence[Picture]) -> Picture:
    out = np.full((len(tiles[0]), _WIDTH, 3), _PAPER, np.uint8)
    for at, tile in enumerate(tiles):
        left = _GAP + at * (_TILE + _GAP)
        out[:, left : left + _TILE] = tile
    return out


def _strips(seen: SeenModality) -> Picture:
    """A signal: one strip for each channel with its extent, window after window."""
    clip = seen.clip[:, :_CHANNELS]
    windows, channels, length = clip.shape
    image, draw = _canvas(_WIDTH, channels * _STRIP + 16)
    wide = (_WIDTH - 2 * _GAP) / windows
    for window in range(windows):
        left = _GAP + window * wide
        draw.line([left, 0, left, channels * _STRIP], fill=_ABSENT)
        if seen.seconds is not None and window % -(-windows // _PER_ROW) == 0:
            ends = seen.seconds[window, 0], seen.seconds[window, -1]
            draw.text((left + 2, channels * _STRIP), f"{ends[0]:.2f} to {ends[1]:.2f} s", fill=_INK, font=_font(10))
    for channel in range(channels):
        values = clip[:, channel]
        low, high = float(values.min()), float(values.max())
        bottom, scale = (channel + 1) * _STRIP - 3, (_STRIP - 6) / max(high - low, 1e-9)
        for window in np.flatnonzero(seen.exists).tolist():
            x = _GAP + (window + (np.arange(length) + 0.5) / length) * wide
            line = np.stack([x, bottom - (values[window] - low) * scale], axis=1)
            draw.line([tuple(point) for point in line.tolist()], fill=_COLOURS[channel % len(_COLOURS)], width=1)
        draw.text((_GAP + 2, channel * _STRIP), f"{channel}: {low:.3g} to {high:.3g}", fill=_FAINT, font=_font(10))
    return np.asarray(image)


def _bars(seen: SeenModality) -> Picture:
    """Features: a column for each frame, dark = low, light = high."""
    values = np.where(seen.exists[:, None], seen.clip, np.nan).T  # (C, T)
    low, high = np.nanmin(values), np.nanmax(values)
    levels = np.nan_to_num((values - low) / max(float(high - low), 1e-9), nan=0.5)
    image = (255 * levels).astype(np.uint8)[..., None].repeat(3, axis=2)
    size = (_WIDTH - 2 * _GAP, 2 * _TILE)
    out = np.full((size[1], _WIDTH, 3), _PAPER, np.uint8)
    out[:, _GAP:-_GAP] = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    return out


def _line(text: str, *, size: int = 13, width: int = _WIDTH) -> Picture:
    image, draw = _canvas(width, size + 9)
    draw.text((_GAP if width == _WIDTH else 0, 3), text, fill=_INK, font=_font(size))
    return np.asarray(image)


def _canvas(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), _PAPER)
    return image, ImageDraw.Draw(image)


def _font(size: int) -> Any:
    return ImageFont.load_default(size)

"""Dense optical flow of a colour video, as images that a video file holds. No torch.

Shapes: h w pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST = 20.0
"""Pixels per frame, at the video's size, that fill the range 1–255; longer vectors are clipped (Wang et al. 2016)."""

# OpenCV refuses smaller images, and the whole process dies of low and wide ones.
_SHORTEST, _LOW, _WIDE = 12, 32, 40


def flow_images(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Motion from each frame to the next one (DIS, Kroeger et al. 2016), as many images as frames.

    Args:
        frames: [h, w, 3] uint8 RGB each.

    Yields:
        [h, w, 3] uint8: red = 128 + u · 127/20 (to the right), green likewise v (down), blue = 128. The last image is
        the one before it again, so that flow and colour have the same moments.

    Raises:
        ValueError: If the frames are too small.
    """
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    before, image = None, None
    for frame in frames:
        _check_size(*frame.shape[:2])
        now = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if image is None:
            image = np.full_like(frame, 128)
        if before is not None:
            image = _as_image(method.calc(before, now, np.zeros((*now.shape, 2), np.float32)))
            yield image
        before = now
    if image is not None:
        yield image


def _check_size(height: int, width: int) -> None:
    if min(height, width) < _SHORTEST or (height < _LOW and width >= _WIDE):
        raise ValueError(
            f"images of {width} × {height} pixels are too small for optical flow: give at least {_SHORTEST} × "
            f"{_SHORTEST}, from {_WIDE} columns on at least {_LOW} rows, or leave flow out"
        )


def _as_image(flow: NDArray[Any]) -> NDArray[np.uint8]:
    levels = np.clip(np.rint(128 + flow * (127 / LARGEST)), 1, 255).astype(np.uint8)
    return np.dstack([levels, np.full(levels.shape[:2], 128, np.uint8)])

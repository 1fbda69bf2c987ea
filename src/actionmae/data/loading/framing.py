"""The part of an image that leaves the host: the centre, larger than the input so that the crop can shift. No torch."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySpec

REGION = 1.2
"""Size of the region over the size of the network's input (§2.2, shifted centre crop: × 1.2)."""

_AS_LARGE = 1.005  # resampling by less than half a percent costs more than decoding and shows nothing
_LINEAR_UP_TO = 2.0  # up to here bilinear still sees every pixel, at a sixth of the time of averaging areas


STORED: dict[str, tuple[int, type[np.uint8 | np.uint16]]] = {
    "color": (3, np.uint8),
    "gray": (1, np.uint8),
    "flow": (2, np.uint8),
    "depth": (1, np.uint16),
}
"""Channels and type of an image as the host stores it, by value."""


def region_size(spec: ModalitySpec) -> tuple[int, int]:
    """Height and width of the region in pixels."""
    _, height, width = spec.shape
    return round(REGION * height), round(REGION * width)


def write_region(image: NDArray[Any], spec: ModalitySpec, out: NDArray[Any]) -> None:
    """Cut the largest centred box with the region's proportions and resize it to the region's size.

    A box that is hardly larger (270 for 269, as prepared videos have) is cut to size instead. Depth is resized by
    nearest neighbour: a mean of "no reading" and a surface would be a surface that is not there.

    Args:
        image: [h, w, c] uint8 or uint16.
        spec: The modality; kind frames.
        out: [c, 1.2 H, 1.2 W] of the same type, contiguous; overwritten.
    """
    height, width = out.shape[1:]
    tall, wide = image.shape[:2]
    box = min(tall / height, wide / width)
    if 1 <= box < _AS_LARGE:
        box = 1.0
    cut_height, cut_width = max(1, round(box * height)), max(1, round(box * width))
    top, left = (tall - cut_height) // 2, (wide - cut_width) // 2
    cut = image[top : top + cut_height, left : left + cut_width]
    same, single = cut.shape[:2] == (height, width), len(out) == 1
    if same and single:
        out[0] = cut[:, :, 0]
        return
    if not same:
        smooth = cv2.INTER_AREA if box > _LINEAR_UP_TO else cv2.INTER_LINEAR
        method = cv2.INTER_NEAREST_EXACT if spec.value == "depth" else smooth
        cut = cv2.resize(cut, (width, height), dst=out[0] if single else None, interpolation=method)
    if not single:
        cv2.split(cut, list(out))  # ten times as fast as NumPy's strided copy

"""One PNG or JPEG image, whose header is checked before OpenCV takes memory for its pixels. No torch."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_PIXELS = 1 << 26
"""Of one frame (8192 × 8192)."""

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
# Of JPEG's markers 0xC0 … 0xCF those that begin a frame, which has a size; those without a length.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset(range(0xD0, 0xD9)) | {0x01}


def decode(data: bytes, flags: int) -> NDArray[Any] | None:
    """The image, or None if it is damaged, too large, or neither PNG nor JPEG.

    Args:
        data: The whole file.
        flags: OpenCV's.

    Returns:
        [h, w] or [h, w, c] as OpenCV decodes it.
    """
    size = image_size(data)
    if size is None or not 0 < size[0] * size[1] <= MOST_PIXELS or (data.startswith(PNG) and not _has_its_chunks(data)):
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def image_size(data: bytes) -> tuple[int, int] | None:
    """Height and width in pixels as the header says; None = neither PNG nor JPEG, or cut off before it."""
    try:
        if data.startswith(PNG):
            width, height = struct.unpack_from(">II", data, 16)
            return height, width
        return _jpeg_size(data) if data.startswith(JPEG) else None
    except (struct.error, IndexError):
        return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = len(JPEG)
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return height, width
        if marker == 0xFF:  # padding
            at += 1
        else:
            at += 2 if marker in _BARE else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _has_its_chunks(png: bytes) -> bool:
    """Whether every chunk ends within the image: OpenCV takes memory for whatever length a damaged one claims."""
    at = len(PNG)
    while at + 8 <= len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IEND":
            return size == 0
        at += 12 + size
    return False

"""Single frames of an AVI file of JPEG or PNG images, found by the file's own index. No torch here.

Such a frame is a whole image file, so nothing but the wanted ones is read from disk, and OpenCV's decoders
(libjpeg-turbo, libpng) take them: half the time of FFmpeg's for JPEG.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import Value

_CODECS = ("mjpeg", "png")
# JPEG of full range only: OpenCV takes every JPEG for one, FFmpeg honours what the video says.
_PIXELS = ("yuvj420p", "yuvj422p", "yuvj444p", "gray", "gray16be", "rgb24")
_HEADER = 8  # bytes before the data of each chunk: its name and its size
_END_OF_JPEG = b"\xff\xd9"
_PADDING = 64  # bytes that cameras may add behind the end of an image

_COLOUR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_FLAGS = {
    "color": _COLOUR,
    "flow": _COLOUR,
    "gray": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
    "depth": cv2.IMREAD_UNCHANGED,
}


class AviFrames:
    """The frames of one file; see `find_frames`.

    Args:
        path: The file.
        value: What the frames mean.
        places: Where each frame's data begins, and how many bytes it has.
        size: Height and width in pixels.
    """

    def __init__(self, path: Path, value: Value, places: list[tuple[int, int]], size: tuple[int, int]) -> None:
        self._path = path
        self._value = value
        self._places = places
        self._size = size

    def __len__(self) -> int:
        return len(self._places)

    def read(self, indices: list[int]) -> Iterator[NDArray[Any]]:
        """Decode frames [h, w, c] uint8, depth uint16, in order; ends early where FFmpeg shall have its try."""
        with self._path.open("rb", buffering=0) as file:
            for index in indices:
                image = self._decode(file, *self._places[index])
                if image is None:
                    return
                yield image

    def _decode(self, file: Any, place: int, size: int) -> NDArray[Any] | None:
        file.seek(place)
        data: bytes = file.read(size)
        if len(data) < size or (data[:2] == b"\xff\xd8" and _END_OF_JPEG not in data[-_PADDING:]):
            return None
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[self._value])
        # Half the height: two fields of an interlaced recording in one packet.
        if image is None or image.shape[:2] != self._size:
            return None
        if image.dtype != (np.uint16 if self._value == "depth" else np.uint8):
            return None
        if image.ndim == 2:
            return np.asarray(image[:, :, None])
        return np.asarray(image[:, :, :2] if self._value == "flow" else image)


def find_frames(path: Path, value: Value, container: Any, stream: Any) -> AviFrames | None:
    """The frames of an opened file, or None if it is no AVI of JPEG or PNG images with a whole index.

    Args:
        path: The file.
        value: What its frames mean.
        container: PyAV's, open.
        stream: Its video stream.
    """
    context = stream.codec_context
    if container.format.name != "avi" or context.name not in _CODECS or context.pix_fmt not in _PIXELS:
        return None
    entries = [(entry.pos + _HEADER, entry.size, entry.is_keyframe) for entry in stream.index_entries]
    if not entries or len(entries) != stream.frames or not all(size and key for _, size, key in entries):
        return None  # cut off, or with dropped frames: count and read it packet by packet
    places = [(place, size) for place, size, _ in entries]
    if max(place + size for place, size in places) > path.stat().st_size:
        return None
    return AviFrames(path, value, places, (context.height, context.width))

"""Single frames of an AVI file of JPEG or PNG images, found by the file's own index. No torch here.

Such a frame is a whole image file: only the wanted ones are read from disk, and OpenCV decodes them (JPEG in half of
FFmpeg's time). Opening a file takes a tenth of FFmpeg's time, which decodes a PNG frame each time. Unusual and damaged
files (see `find_frames`) are left to FFmpeg.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import Value
from actionmae.data.reading.image_file import JPEG, PNG, decode, image_size

_CODECS = (b"MJPG", b"MPNG")
_INDEX_ENTRY = np.dtype([("chunk", "S4"), ("flags", "<u4"), ("place", "<u4"), ("size", "<u4")])
_KEY_FRAME = 0x10
_HEADER = 8  # bytes before the data of each chunk: its name and its size
# A larger header or index, or more chunks beside the frames, means damage: no more is read.
_MOST_BYTES, _MOST_CHUNKS = 1 << 26, 64
_END_OF_JPEG = b"\xff\xd9"
_PADDING = 64  # bytes that cameras may add behind the end of an image
# OpenCV takes every JPEG for one of full range; FFmpeg honours this comment, near the start, that says otherwise.
_LIMITED_RANGE, _COMMENTS = b"CS=ITU601", 1024

_COLOUR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_FLAGS = {
    "color": _COLOUR,
    "flow": _COLOUR,
    "gray": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
    "depth": cv2.IMREAD_UNCHANGED,
}


@dataclass(frozen=True, kw_only=True)
class AviFrames:
    """The frames of one file; see `find_frames`.

    Attributes:
        path: The file.
        value: What the frames mean.
        fps: Frames per second.
        size: Height and width in pixels.
        places: [n, 2] where each frame's data begins, and how many bytes it has.
    """

    path: Path
    value: Value
    fps: float
    size: tuple[int, int]
    places: NDArray[np.int64]

    def read(self, indices: list[int]) -> Iterator[NDArray[Any]]:
        """Decode frames [h, w, c] uint8, depth uint16, in order; stops at one that is unusual or damaged."""
        with self.path.open("rb", buffering=0) as file:
            for place, size in self.places[indices].tolist():
                image = self._decode(os.pread(file.fileno(), size, place), size)
                if image is None:
                    return
                yield image

    def _decode(self, data: bytes, size: int) -> NDArray[Any] | None:
        if len(data) < size or (data.startswith(JPEG) and _END_OF_JPEG not in data[-_PADDING:]):
            return None
        if image_size(data) != self.size:  # half the height: two fields of an interlaced recording in one packet
            return None
        image = decode(data, _FLAGS[self.value])
        if image is None or image.dtype != (np.uint16 if self.value == "depth" else np.uint8):
            return None
        if image.ndim == 2:
            return np.asarray(image[:, :, None])
        return np.asarray(image[:, :, :2] if self.value == "flow" else image)


def find_frames(path: Path, value: Value) -> AviFrames | None:
    """The frames of a file, or None unless it is an AVI of JPEG or PNG images, every one of them in one index.

    Files that were cut off, lack frames, or are larger than one index can hold (1 GB) are thus left to FFmpeg, and so
    are images that OpenCV would read otherwise.

    Args:
        path: The file.
        value: What its frames mean.
    """
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:] != b"AVI ":
            return None
        try:
            return _find(file, path, value)
        except (struct.error, ValueError, IndexError):
            return None


def _find(file: BinaryIO, path: Path, value: Value) -> AviFrames | None:
    header, movie, index = b"", None, np.zeros(0, _INDEX_ENTRY)
    for name, place, size in islice(_chunks(file, 12, path.stat().st_size), _MOST_CHUNKS):
        if name == b"LIST":
            kind = file.read(4)
            header = file.read(min(max(size - 4, 0), _MOST_BYTES)) if kind == b"hdrl" else header
            movie = place if kind == b"movi" else movie
        elif name == b"idx1":
            index = np.frombuffer(file.read(min(size, _MOST_BYTES)), _INDEX_ENTRY)
            break
    video = _video_stream(header)
    if movie is None or video is None:
        return None
    number, fps, count, shape = video
    frames = index[np.char.startswith(index["chunk"], b"%02d" % number)]
    if not count or len(frames) != count or not ((frames["flags"] & _KEY_FRAME) != 0).all() or not frames["size"].all():
        return None
    places = np.stack([frames["place"], frames["size"]], axis=1).astype(np.int64)
    first = frames["chunk"][0]
    for base in (movie, 0):  # counted from the list of frames, or, by some writers, from the start of the file
        if os.pread(file.fileno(), 4, base + places[0, 0]) == first:
            break
    else:
        return None
    places[:, 0] += base + _HEADER
    frames_of_file = AviFrames(path=path, value=value, fps=fps, size=shape, places=places)
    whole = int(places.sum(axis=1).max()) <= path.stat().st_size
    return frames_of_file if whole and _reads_alike(os.pread(file.fileno(), _COMMENTS, places[0, 0]), value) else None


def _chunks(file: BinaryIO, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place of the data and size of each chunk; the file then stands at the data."""
    while place + _HEADER <= end:
        file.seek(place)
        name, size = struct.unpack("<4sI", file.read(_HEADER))
        yield name, place + _HEADER, size
        place += _HEADER + size + size % 2


def _video_stream(header: bytes) -> tuple[int, float, int, tuple[int, int]] | None:
    """Number, frames per second, frames, height and width of the first stream of images."""
    for number, reader in enumerate(header.split(b"strl")[1:]):
        at = reader.index(b"strh") + _HEADER
        kind = reader[at : at + 4]
        if kind != b"vids":
            continue
        scale, per_second, _, count = struct.unpack_from("<4I", reader, at + 20)
        form = reader.index(b"strf") + _HEADER
        width, height = struct.unpack_from("<2i", reader, form + 4)
        codec = reader[form + 16 : form + 20].upper()
        return (
            (number, per_second / scale, count, (abs(height), width))
            if codec in _CODECS and scale and per_second
            else None
        )
    return None


def _reads_alike(start: bytes, value: Value) -> bool:
    """Whether OpenCV makes of an image what FFmpeg would."""
    if start.startswith(PNG):
        sixteen_bit_gray = start[24:26] == b"\x10\x00"  # of IHDR: bits, colour type
        return sixteen_bit_gray if value == "depth" else start[24] == 8
    return value != "depth" and start.startswith(JPEG) and _LIMITED_RANGE not in start

"""Recordings kept as a folder of numbered images, one per frame. No torch.

Regions of interest that follow a person (UWA3D Multiview II) have another size in each frame. Depth of that kind is
padded with 0, "no reading": each frame lies in the middle of the folder's largest height and width, so all have one
size and every reading keeps its value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import Value
from actionmae.data.cell import Cell
from actionmae.data.reading.frame_files import IMAGES, list_frames, missing_numbers
from actionmae.data.reading.image_file import MOST_PIXELS, PNG, decode, image_size
from actionmae.data.reading.levels import eight_bits
from actionmae.data.regular_file import require_regular

_MOST_BYTES = 1 << 28  # of one image


class ImageFolder:
    """The images of one folder, sorted by the numbers in their names (2 before 10); 16-bit PNG is kept as it is.

    Args:
        cell: The folder, or some of its files. `001,.jpg` counts as an image, too (UWA3D Multiview II has such names).
        value: What the images mean: color [n, h, w, 3], gray [n, h, w, 1], flow [n, h, w, 2] (red and green) uint8;
            depth [n, h, w, 1] uint16 millimetres.
        fps: Frames per second, or None if unknown.
        value_range: (black, white) of 16-bit gray; see `levels.eight_bits`.

    Attributes:
        num_frames: Images in the folder, at least 1.
        fps: As given.
        lost: Numbers that no image has although smaller and larger ones are there; see `missing_numbers`.

    Raises:
        ValueError: If the folder holds no image, or not every frame that `cell` asks for.
    """

    times: NDArray[np.float64] | None = None  # the cell's: see `readers.ChosenFrames`
    window: tuple[float, float] | None = None

    def __init__(
        self,
        cell: Cell,
        value: Value,
        fps: float | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self._files = list_frames(cell, IMAGES)
        if not self._files:
            raise ValueError(f"folder {cell} holds no images: give a folder of numbered .png or .jpg files")
        self.lost = missing_numbers(cell, self._files)
        self._value = value
        self._value_range = value_range if value == "gray" else None
        self.num_frames = len(self._files)
        self.fps = fps
        self._size: tuple[int, int] | None = None  # (height, width) of what `read` gives, once that is known

    def images(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[NDArray[Any]]:
        """See `readers.FrameReader.images`.

        Raises:
            ValueError: If an image is broken, of the wrong depth or (colour, infrared) of another size; names the file.
        """
        for index, times in Counter(map(int, indices)).items():
            yield from repeat(self._fit(self._load(self._files[index]), self._files[index]), times)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[Any]:
        """See `readers.FrameReader.read`."""
        return np.stack(list(self.images(indices)))

    def _fit(self, frame: NDArray[Any], file: Path) -> NDArray[Any]:
        """The frame in the folder's one size; only depth has a value that means "nothing here"."""
        height, width = frame.shape[:2]
        if self._size is None:
            sizes = [_png_size(file) for file in self._files] if self._value == "depth" else [(height, width)]
            self._size = max(height for height, _ in sizes), max(width for _, width in sizes)
        if (height, width) == self._size:
            return frame
        if self._value != "depth":
            raise ValueError(
                f"image {file} has size {(height, width)}, others in the folder {self._size}: all must have one size"
            )
        out = np.zeros((*self._size, 1), dtype=frame.dtype)
        top, left = (self._size[0] - height) // 2, (self._size[1] - width) // 2
        out[top : top + height, left : left + width] = frame
        return out

    def _load(self, file: Path) -> NDArray[Any]:
        require_regular(file, most_bytes=_MOST_BYTES)
        image = decode(file.read_bytes(), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise ValueError(
                f"image {file} cannot be decoded: copy it again, or convert it to PNG or JPEG of at most "
                f"{MOST_PIXELS:,} pixels"
            )
        if self._value == "depth":
            if image.dtype != np.uint16 or image.ndim != 2:
                raise ValueError(
                    f"image {file} is {image.dtype} {image.shape}: depth needs 16-bit gray PNG; if it has only 8 bits, "
                    "say {name: depth, value: gray}"
                )
            return image[:, :, None]
        return _channels(eight_bits(image, self._value_range), self._value)


def describe_lost(lost: Sequence[int]) -> str:
    """The numbers that a folder lacks, in words."""
    return (
        f"frame {lost[0]}"
        if len(lost) == 1
        else f"{len(lost)} frames between {min(lost, default=0)} and {max(lost, default=0)}"
    )


def _png_size(file: Path) -> tuple[int, int]:
    """Height and width as the header says: the pixels need not be decoded."""
    with file.open("rb") as opened:
        start = opened.read(24)
    size = image_size(start) if start.startswith(PNG) else None
    if size is None:
        raise ValueError(f"image {file} is cut off or no PNG: depth needs 16-bit gray PNG")
    if size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"image {file} has {size[1]} × {size[0]} pixels: at most {MOST_PIXELS:,} are read")
    return size


def _channels(image: NDArray[np.uint8], value: Value) -> NDArray[np.uint8]:
    """OpenCV's gray, BGR or BGRA image → [h, w, c] as the value asks."""
    if value == "gray":
        gray = image if image.ndim == 2 else cv2.cvtColor(image[:, :, :3], cv2.COLOR_BGR2GRAY)
        return np.asarray(gray, dtype=np.uint8)[:, :, None]
    colour = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image[:, :, 2::-1]
    rgb = np.ascontiguousarray(colour, dtype=np.uint8)
    return rgb[:, :, :2] if value == "flow" else rgb

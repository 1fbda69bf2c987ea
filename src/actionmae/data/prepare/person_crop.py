"""The square around the persons of a clip: from a depth background of 0, or from the joints' places. No torch.

Shapes: h w pixels, c channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MARGIN = 0.1  # of the box, on each side: heads, hands and clothes reach beyond the joints
# This fraction of a clip's non-zero pixels may lie outside each side of the box: single noisy pixels do not widen it.
_OUTSIDE = 5e-4
# A masked clip has few readings (UTD-MHAD: 5–10 % of its pixels), a whole room nearly everywhere.
_MASKED_UP_TO = 0.5


@dataclass(frozen=True, kw_only=True)
class PersonBox:
    """A square of the image plane; may reach beyond the image.

    Attributes:
        top: First row; may be negative, as `left`.
        left: First column.
        side: Pixels, even, at least 2.
    """

    top: int
    left: int
    side: int

    def cut(self, frame: NDArray[Any]) -> NDArray[Any]:
        """[h, w] or [h, w, c] → [side, side] or [side, side, c]; what lies beyond the image is 0."""
        height, width = frame.shape[:2]
        out = np.zeros((self.side, self.side, *frame.shape[2:]), dtype=frame.dtype)
        rows = slice(max(self.top, 0), min(self.top + self.side, height))
        columns = slice(max(self.left, 0), min(self.left + self.side, width))
        out[rows.start - self.top : rows.stop - self.top, columns.start - self.left : columns.stop - self.left] = frame[
            rows, columns
        ]
        return out


def find_person(frames: Iterable[NDArray[np.uint16]]) -> PersonBox | None:
    """One square box for the whole clip, around all pixels that are not 0, with a margin of 10 %.

    Args:
        frames: [h, w] uint16 millimetres each, 0 = background; at least one.

    Returns:
        None where no pixel differs from 0, or more than half of them do: that is no masked background.
    """
    counts, num_frames = np.zeros(1, dtype=np.int64), 0
    for frame in frames:
        counts = counts + (frame > 0)
        num_frames += 1
    if not 0 < counts.sum() <= _MASKED_UP_TO * counts.size * num_frames:
        return None
    return _square(*_extent(counts.sum(axis=1)), *_extent(counts.sum(axis=0)))


def box_around(points: NDArray[np.float32], size: tuple[int, int], *, of: tuple[int, int]) -> PersonBox | None:
    """One square box around points of an image, with a margin of 10 %, inside the image as far as it fits.

    Args:
        points: [n, 2] x, y in pixels, those of the sensor's images. Points that are not finite, or (0, 0), do not
            count; those outside of the image count as being at its edge.
        size: Height and width of the image, which may be a smaller copy.
        of: Height and width of the sensor's images.

    Returns:
        None where no point counts.
    """
    known = points[np.isfinite(points).all(axis=1) & (points != 0).any(axis=1)]
    if not len(known):
        return None
    height, width = size
    known = (known + 0.5) * (width / of[1], height / of[0]) - 0.5  # pixel centres have whole coordinates
    at = np.clip(np.rint(known), 0, (width - 1, height - 1)).astype(int)
    (left, top), (right, bottom) = at.min(axis=0).tolist(), (at.max(axis=0) + 1).tolist()
    box = _square(top, bottom, left, right)
    return PersonBox(top=_inside(box.top, box.side, height), left=_inside(box.left, box.side, width), side=box.side)


def _square(top: int, bottom: int, left: int, right: int) -> PersonBox:
    side = int(np.ceil(max(bottom - top, right - left) * (1 + 2 * _MARGIN)))
    side += side % 2  # video players like even sizes
    return PersonBox(top=(top + bottom - side) // 2, left=(left + right - side) // 2, side=side)


def _inside(start: int, side: int, length: int) -> int:
    """The start moved so that the box lies in the image or, if it is larger, the image in the middle of the box."""
    return (length - side) // 2 if side > length else min(max(start, 0), length - side)


def _extent(counts: NDArray[np.int64]) -> tuple[int, int]:
    """First index, and one past the last, between which all but the outermost fraction of the counts lies."""
    fraction = np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(fraction, _OUTSIDE, side="right"))
    last = int(np.searchsorted(fraction, 1 - _OUTSIDE, side="left"))
    return first, last + 1

"""Cut depth recordings whose background is 0 to a square around the person. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MARGIN = 0.1
# So few of a clip's non-zero pixels may lie outside each side of the box: single pixels of noise do not widen it.
_OUTSIDE = 5e-4


@dataclass(frozen=True, kw_only=True)
class PersonBox:
    """A square of the image plane; may reach beyond the image.

    Attributes:
        top: First row; may be negative, as `left`.
        left: First column.
        side: Pixels, even; 0 = nobody was seen, frames stay as they are.
    """

    top: int
    left: int
    side: int

    def cut(self, frame: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """[h, w] → [side, side]; what lies beyond the image is 0."""
        if not self.side:
            return frame
        height, width = frame.shape
        out = np.zeros((self.side, self.side), dtype=np.uint16)
        rows = slice(max(self.top, 0), min(self.top + self.side, height))
        columns = slice(max(self.left, 0), min(self.left + self.side, width))
        out[rows.start - self.top : rows.stop - self.top, columns.start - self.left : columns.stop - self.left] = frame[
            rows, columns
        ]
        return out


def find_person(frames: Iterable[NDArray[np.uint16]]) -> PersonBox:
    """One square box for the whole clip, around all pixels that are not 0, with a margin of 10 %.

    Args:
        frames: [h, w] uint16 millimetres each, 0 = background; at least one.
    """
    counts: NDArray[np.int64] = sum((frame > 0).astype(np.int64) for frame in frames)  # type: ignore[assignment]
    if not counts.any():
        return PersonBox(top=0, left=0, side=0)
    top, bottom = _extent(counts.sum(axis=1))
    left, right = _extent(counts.sum(axis=0))
    side = int(np.ceil(max(bottom - top, right - left) * (1 + 2 * _MARGIN)))
    side += side % 2  # video players like even sizes
    return PersonBox(top=(top + bottom - side) // 2, left=(left + right - side) // 2, side=side)


def crop_to_person(frames: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """`find_person` and `cut` for a clip in memory: [n, h, w] → [n, s, s]."""
    box = find_person(frames)
    return np.stack([box.cut(frame) for frame in frames])


def _extent(counts: NDArray[np.int64]) -> tuple[int, int]:
    """First index, and one past the last, between which all but the outermost share of the counts lies."""
    share = np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(share, _OUTSIDE, side="right"))
    last = int(np.searchsorted(share, 1 - _OUTSIDE, side="left"))
    return first, last + 1

"""Cut depth recordings whose background is 0 to a square around the person. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MARGIN = 0.1
# So few of a clip's non-zero pixels may lie outside each side of the box: single pixels of noise do not widen it.
_OUTSIDE = 5e-4


def crop_to_person(frames: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """One square box for the whole clip, around all pixels that are not 0, with a margin of 10 %.

    Args:
        frames: [n, h, w] uint16 millimetres, 0 = background.

    Returns:
        [n, s, s] uint16; what lies beyond the image is 0. A clip without any reading is returned whole.
    """
    counts = np.count_nonzero(frames, axis=0)  # [h, w]
    if not counts.any():
        return frames
    top, bottom = _extent(counts.sum(axis=1))
    left, right = _extent(counts.sum(axis=0))
    side = int(np.ceil(max(bottom - top, right - left) * (1 + 2 * _MARGIN)))
    side += side % 2  # video players like even sizes
    top = (top + bottom - side) // 2
    left = (left + right - side) // 2
    height, width = frames.shape[1:]
    out = np.zeros((len(frames), side, side), dtype=np.uint16)
    rows = slice(max(top, 0), min(top + side, height))
    columns = slice(max(left, 0), min(left + side, width))
    out[:, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = frames[:, rows, columns]
    return out


def _extent(counts: NDArray[np.int64]) -> tuple[int, int]:
    """First index, and one past the last, between which all but the outermost share of the counts lies."""
    share = np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(share, _OUTSIDE, side="right"))
    last = int(np.searchsorted(share, 1 - _OUTSIDE, side="left"))
    return first, last + 1

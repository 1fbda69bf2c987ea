"""A recording that is another one from some frame on. No torch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.data.reading.readers import FrameReader, Indices


class Since:
    """A `FrameReader` of `before`, and from frame `first` on of `after`; both are of the same length."""

    def __init__(self, before: FrameReader, after: FrameReader, first: int) -> None:
        self.num_frames, self.fps = before.num_frames, before.fps
        self.times, self.window = before.times, before.window
        self._before, self._after, self._first = before, after, first

    def read(self, indices: Indices) -> NDArray[Any]:
        """See `FrameReader.read`."""
        return np.stack(list(self.images(indices)))

    def images(self, indices: Indices) -> Iterator[NDArray[Any]]:
        """See `FrameReader.images`."""
        wanted = np.asarray(indices, dtype=np.int64)
        early = wanted < self._first
        before, after = self._before.images(wanted[early]), self._after.images(wanted[~early])
        return (next(before if is_early else after) for is_early in early.tolist())

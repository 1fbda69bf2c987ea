"""A recording that is read in many ways: each of its images is decoded once. No torch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.data.reading.readers import FrameReader, Indices


class KeptFrames:
    """A reader of images that decodes each frame once."""

    def __init__(self, reader: FrameReader) -> None:
        self.num_frames, self.fps = reader.num_frames, reader.fps
        self.times, self.window = reader.times, reader.window
        self._reader = reader
        self._frames: dict[int, NDArray[Any]] = {}

    def read(self, indices: Indices) -> NDArray[Any]:
        """See `FrameReader.read`."""
        return np.stack(list(self.images(indices)))

    def images(self, indices: Indices) -> Iterator[NDArray[Any]]:
        """See `FrameReader.images`."""
        new = sorted({int(index) for index in indices} - self._frames.keys())
        if new:
            self._frames.update(zip(new, self._reader.images(new), strict=True))
        return (self._frames[int(index)] for index in indices)

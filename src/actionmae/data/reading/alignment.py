"""Streams of one clip in common time: a position (0–1) of the clip is a place in each stream. No torch.

Streams with a clock lie on one time axis, and the clip lasts from when the last of them has begun until the first one
ends; a stream without a clock is spread evenly over the clip.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from actionmae.data.reading.readers import FrameReader, frame_times

_Times = NDArray[np.float64]


class Alignment:
    """Which places of the streams belong together.

    Args:
        streams: The clip's open recordings by modality.

    Attributes:
        seconds: How long the clip lasts, or None if no stream has a clock.

    Raises:
        ValueError: If there is no moment that all streams with a clock have seen.
    """

    def __init__(self, readers: Mapping[str, FrameReader]) -> None:
        self._lengths = {name: reader.num_frames for name, reader in readers.items()}
        times = {name: frame_times(reader) for name, reader in readers.items()}
        self._times: dict[str, _Times] = {name: each for name, each in times.items() if each is not None}
        ends = {name: _ends(each) for name, each in self._times.items()}
        self._start = max((start for start, _ in ends.values()), default=0.0)
        self._end = min((end for _, end in ends.values()), default=1.0)
        if self._start > self._end:
            late = max(ends, key=lambda name: ends[name][0])
            early = min(ends, key=lambda name: ends[name][1])
            raise ValueError(
                f"{late} begins at {ends[late][0]:.3f} s, after {early} ended at {ends[early][1]:.3f} s: their clocks "
                "must count from one zero"
            )

        self.seconds = self._end - self._start if ends else None

    def num_frames(self, name: str) -> int:
        """Frames of a stream that lie within the clip, at least 1."""
        if name not in self._times:
            return self._lengths[name]
        times = self._times[name]
        return max(1, int(((times >= self._start) & (times <= self._end)).sum()))

    def positions(self, name: str, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions of the clip as positions of one stream; its frame nearest in time is the one that lies there.

        Args:
            name: Modality.
            positions: [T] ascending in 0–1.

        Returns:
            [T] ascending in 0–1, shares of the stream's frames.
        """
        if name not in self._times:
            return positions
        times = self._times[name]
        moments = self._start + positions * (self._end - self._start)
        place: NDArray[np.float64] = (np.interp(moments, times, np.arange(len(times))) + 0.5) / len(times)
        return place


def _ends(times: _Times) -> tuple[float, float]:
    """A frame stands for half its distance to the next one, on both sides."""
    half = float(np.median(np.diff(times))) / 2 if len(times) > 1 else 0.0
    return float(times[0]) - half, float(times[-1]) + half

"""Recordings of one clip in common time: a position (0–1) of the clip is a place in each of them. No torch.

Where the frames of a recording lie depends on its own cell alone, so what a network sees of one sensor is the same
whether the others are there or not. A recording with a clock lies on the time that its cell names (`#3.2s-5.9s`), or
else on its own from the first frame to the last; one without a clock is spread evenly over the clip. Recordings with
clocks are thus aligned where their cells name one time, or where they begin and end together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from actionmae.data.reading.readers import FrameReader

_COMMON = 0.8
"""Recordings of a clip should have this fraction of the time of all of them in common."""


def time_span(reader: FrameReader) -> tuple[float, float] | None:
    """The seconds of the clip's clock that are positions 0 and 1 of a recording; None = it has no clock."""
    return None if reader.times is None else reader.window or _covered(reader.times)


def own_positions(reader: FrameReader, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions of the clip as positions of a recording; its frame nearest in time is the one that lies there.

    Args:
        reader: The recording.
        positions: [T] ascending in 0–1.

    Returns:
        [T] ascending in 0–1, fractions of the recording's frames.
    """
    span, times = time_span(reader), reader.times
    if span is None or times is None:
        return positions
    moments = span[0] + positions * (span[1] - span[0])
    place: NDArray[np.float64] = (np.interp(moments, times, np.arange(len(times))) + 0.5) / len(times)
    return place


def clock_mismatch(readers: Mapping[str, FrameReader]) -> str:
    """How the times of a clip's recordings disagree, in words; empty = they agree.

    Raises:
        ValueError: If there is no moment that all recordings with a clock have seen.
    """
    spans = {name: span for name, reader in readers.items() if (span := time_span(reader)) is not None}
    if not spans:
        return ""
    late = max(spans, key=lambda name: spans[name][0])
    early = min(spans, key=lambda name: spans[name][1])
    start, end = spans[late][0], spans[early][1]
    if start > end:
        raise ValueError(
            f"{late} begins at {start:.3f} s, after {early} ended at {end:.3f} s: their clocks must count from one zero"
        )
    longest = max(last for _, last in spans.values()) - min(first for first, _ in spans.values())
    if end - start < _COMMON * longest:
        shown = ", ".join(f"{name} {first:.2f}–{last:.2f} s" for name, (first, last) in spans.items())
        return f"its recordings show different times ({shown}): write one into their cells, as #{start:.2f}s-{end:.2f}s"
    for name, (first, last) in spans.items():
        times = readers[name].times
        begun, ended = (first, last) if times is None else _covered(times)
        if min(ended, last) - max(begun, first) < _COMMON * (last - first):
            return f"{name} has frames from {begun:.2f} to {ended:.2f} s only of the clip's {first:.2f}–{last:.2f} s"
    return ""


def _covered(times: NDArray[np.float64]) -> tuple[float, float]:
    """A frame stands for half its distance to the next one, on both sides."""
    half = float(np.median(np.diff(times))) / 2 if len(times) > 1 else 0.0
    return float(times[0]) - half, float(times[-1]) + half

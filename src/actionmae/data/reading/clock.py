"""When the frames of a recording were taken: the clock of its cell → seconds. No torch.

A clock speaks of the whole recording, also where only some of its frames are chosen. All clocks of one clip count from
the same zero.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from actionmae.data.cell import UNITS, Cell
from actionmae.data.reading.text_table import TextTable

_SPELT = UNITS | {"seconds": 1.0, "sec": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
"""How the names of columns end: `seconds`, `timestamp_ms`, `time (us)`, `t [ns]`."""

_WHOLE, _ANY = 1.0, 10.0
"""Seconds between two frames from which on numbers without a unit, whole ones or any, are no seconds."""


def frame_seconds(
    cell: Cell, num_frames: int, fps: float | None, moments: NDArray[np.float64] | None = None
) -> NDArray[np.float64] | None:
    """Seconds of each frame on the clip's clock.

    Args:
        cell: The recording.
        num_frames: Frames of the whole recording.
        fps: Its own frames per second, or None if unknown.
        moments: [num_frames] seconds from its first frame to each, as the recording itself says; None = by its fps.

    Returns:
        [num_frames], never falling; None = the cell has no clock.

    Raises:
        FileNotFoundError: If the log does not exist.
        ValueError: If there is not one rising time per frame, or its unit, its column or the frames per second are
            unknown.
    """
    clock = cell.clock
    if clock is None:
        return None
    if clock.log is None and not clock.column:
        if clock.fps is None and moments is not None:
            return clock.start + moments
        fps = clock.fps or fps
        if not fps:
            raise ValueError(f"{cell} has no frames per second of its own: write them into the cell, as in @0s+30fps")
        return clock.start + np.arange(num_frames) / fps
    table = TextTable(clock.log or cell.path)
    place = table.place(clock.column) if clock.column else _find_times(table)
    unit = UNITS[clock.unit] if clock.unit else _spelt_unit(table, place)
    times = table.read([place])[:, 0]
    _check(table, times, num_frames)
    if unit is None:
        _refuse_other_units(cell, table, times)
    return times * (unit or 1.0)


def choose_frames(
    cell: Cell,
    num_frames: int,
    fps: float | None,
    seconds: NDArray[np.float64] | None,
    moments: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """The frames of a reader that are the clip, ascending; a folder's reader has the right numbers already.

    Args:
        cell: The recording.
        num_frames: Frames of the reader.
        fps: Its own frames per second, or None if unknown.
        seconds: [num_frames] their times, or None = no clock.
        moments: See `frame_seconds`.

    Raises:
        ValueError: If the recording does not have what is asked for.
    """
    if cell.window is not None:
        if seconds is None:
            seconds = _from_first(cell, cell.window, num_frames, fps, moments)
        return _within(cell, cell.window, seconds)
    if not cell.frames or cell.path.is_dir():
        return np.arange(num_frames)
    if cell.frames[-1][1] >= num_frames:
        raise ValueError(f"{cell} asks for more than its {num_frames} frames: choose from 0–{num_frames - 1}")
    return np.concatenate([np.arange(first, last + 1) for first, last in cell.frames])


def even_frames(moments: NDArray[np.float64]) -> NDArray[np.int64]:
    """As many frames as there are, evenly spaced in time from the first to the last: each the nearest to its moment."""
    even = np.linspace(moments[0], moments[-1], len(moments))
    nearest: NDArray[np.int64] = np.rint(np.interp(even, moments, np.arange(len(moments)))).astype(np.int64)
    return nearest


def _from_first(
    cell: Cell,
    window: tuple[float, float],
    num_frames: int,
    fps: float | None,
    moments: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Seconds from the first frame, of a recording that has this time."""
    if not fps:
        raise ValueError(f"{cell} has no frames per second of its own: write them into the cell, as in @0s+30fps")
    if window[0] < 0 or window[1] > (num_frames + 1) / fps:
        raise ValueError(f"{cell} asks for more than its {num_frames / fps:.3f} s: choose from there")
    return np.arange(num_frames) / fps if moments is None else moments


def _within(cell: Cell, window: tuple[float, float], seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    frames = np.flatnonzero((seconds >= window[0]) & (seconds < window[1]))
    if not len(frames):
        span = f"{seconds[0]:.3f} to {seconds[-1]:.3f} s"
        raise ValueError(f"{cell} has no frame in this time: its frames are from {span}")
    return frames


def _find_times(table: TextTable) -> int:
    """The only column whose name ends in a unit, or the only one of numbers."""
    spelt = [place for place in range(len(table.names)) if _spelt_unit(table, place) is not None]
    found = spelt or table.numeric
    if len(found) != 1:
        what = "several columns of times" if found else "no column of times"
        raise ValueError(
            f"{table.path} has {what} ({table.describe()}): name one in the cell, as in @{table.path.name}[0]:ms"
        )
    return found[0]


def _spelt_unit(table: TextTable, place: int) -> float | None:
    words = re.findall("[a-z]+", table.names[place].lower()) if table.names else []
    return _SPELT.get(words[-1]) if words else None


def _check(table: TextTable, times: NDArray[np.float64], num_frames: int) -> None:
    if not np.isfinite(times).all():
        raise ValueError(f"{table.path} has a line without a time (NaN or infinite): give one number per frame")
    if len(times) != num_frames:
        raise ValueError(f"{table.path} has {len(times)} times for {num_frames} frames: give one line per frame")
    if not (np.diff(times) >= 0).all():
        line = int((np.diff(times) < 0).argmax()) + 1
        raise ValueError(f"{table.path} goes back in time after {line} lines: the times must rise")


def _refuse_other_units(cell: Cell, table: TextTable, times: NDArray[np.float64]) -> None:
    """Numbers that can be no seconds, as they are too far apart."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    whole = bool((times == np.round(times)).all())
    if step >= (_WHOLE if whole else _ANY):
        raise ValueError(
            f"{table.path} counts {step:g} from frame to frame without saying of what: write the unit into the cell, "
            f"as in @{cell.name.rpartition('@')[2]}:ms (:s if these are seconds), or into the name of the column"
        )

"""When the frames of a recording were taken: the clock of its cell → seconds. No torch.

A text without a header holds seconds, one number per line; with a header it is a table (comma, semicolon or tab) in
which the name of one column ends in a unit: `seconds`, `timestamp_ms`, `time (us)`, `t [ns]`. All clocks of one clip
count from the same zero, and each speaks of the whole recording, also where only some of its frames are chosen.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionmae.data.cell import Cell
from actionmae.data.utf8 import read_utf8

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_SECONDS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
_UNITS = _SECONDS | {"sec": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def frame_seconds(cell: Cell, num_frames: int, fps: float | None) -> NDArray[np.float64] | None:
    """Seconds of each frame on the clip's clock.

    Args:
        cell: The recording.
        num_frames: Frames of the whole recording.
        fps: Its own frames per second, or None if unknown.

    Returns:
        [num_frames], never falling; None = the cell has no clock.

    Raises:
        FileNotFoundError: If the text does not exist.
        ValueError: If it does not hold one rising time per frame, or its frames per second are unknown.
    """
    clock = cell.clock
    if clock is None:
        return None
    if clock.log is None:
        fps = clock.fps or fps
        if not fps:
            raise ValueError(f"{cell} has no frames per second of its own: write them into the cell, as in @0s+30fps")
        return clock.start + np.arange(num_frames) / fps
    times = _read_text(clock.log)
    if len(times) != num_frames:
        raise ValueError(f"{clock.log} has {len(times)} times for {num_frames} frames: give one line per frame")
    if not (np.diff(times) >= 0).all():
        line = int((np.diff(times) < 0).argmax()) + 1
        raise ValueError(f"{clock.log} goes back in time after {line} lines: the times must rise")
    return times


def _read_text(path: Path) -> NDArray[np.float64]:
    if not path.exists():
        raise FileNotFoundError(f"times {path} do not exist: put them beside the recording, one line per frame")
    lines = [line for line in read_utf8(path).splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path} is empty: give one line per frame, in seconds")
    separator, column, unit = ",", 0, 1.0
    if re.fullmatch(_NUMBER, lines[0].strip()) is None:
        separator = max(",;\t", key=lines[0].count)
        column, unit = _find_times(path, next(csv.reader(lines[:1], delimiter=separator)))
        lines = lines[1:]
    try:
        times = np.array([float(row[column]) for row in csv.reader(lines, delimiter=separator)])
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} has a line without a time ({error}): give one number per frame") from error
    if not np.isfinite(times).all():
        raise ValueError(f"{path} has a line without a time (NaN or infinite): give one number per frame")
    return times * unit


def _find_times(path: Path, header: list[str]) -> tuple[int, float]:
    """The column of the times, and seconds per unit of it."""
    endings = [(re.findall("[a-z]+", name.lower()) or [""])[-1] for name in header]
    found = [at for at, ending in enumerate(endings) if ending in _UNITS]
    if len(found) != 1:
        what = "several columns of times" if found else "no column of times"
        raise ValueError(
            f"{path} begins with {','.join(header)!r}, {what}: name one of them {', '.join(_SECONDS)}, or give only "
            "numbers"
        )
    return found[0], _UNITS[endings[found[0]]]

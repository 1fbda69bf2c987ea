"""When the frames of a recording were taken: the ending `@…` of a manifest's cell. No torch.

| cell | its frames' times |
| --- | --- |
| `color.avi` | spread evenly over the clip, as those of every other recording without a clock |
| `color.avi@color.txt` | a text beside the recording, one line per frame |
| `color.avi@0.4s` | begins 0.4 s after the clip's zero; the rate is the file's own |
| `color.avi@35fps` | begins at zero, 35 frames a second |
| `color.avi@0.4s+35fps` | both |

A text without a header holds seconds, one number per line; with a header it is a CSV with a column `seconds`,
`milliseconds`, `microseconds` or `nanoseconds`. All clocks of one clip count from the same zero. Frames may be chosen
first (`color.avi#80-159@color.txt`); the clock speaks of the whole recording.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_NUMBER = r"-?\d+(?:\.\d+)?"
_SPOKEN = re.compile(rf"(?:(?P<start>{_NUMBER})s)?\+?(?:(?P<rate>\d+(?:\.\d+)?)fps)?")
_TEXTS = (".txt", ".csv")
_UNITS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Tells the time of every frame of one recording.

    Attributes:
        text: A file with one line per frame, or None.
        start: Seconds from the clip's zero to the first frame; without `text`.
        rate: Frames per second, or None = the recording's own; without `text`.
    """

    text: Path | None = None
    start: float = 0.0
    rate: float | None = None

    def times(self, cell: Path, num_frames: int, rate: float | None) -> NDArray[np.float64]:
        """Seconds of each frame.

        Args:
            cell: What errors call the recording.
            num_frames: Frames of the whole recording.
            rate: Its own frames per second, or None if unknown.

        Returns:
            [num_frames], never falling.

        Raises:
            FileNotFoundError: If the text does not exist.
            ValueError: If it does not hold one rising time per frame, or the rate is unknown.
        """
        if self.text is None:
            rate = self.rate or rate
            if not rate:
                raise ValueError(f"{cell} has no frame rate of its own: write it into the cell, as in @0s+30fps")
            return self.start + np.arange(num_frames) / rate
        times = _read_text(self.text)
        if len(times) != num_frames:
            raise ValueError(f"{self.text} has {len(times)} times for {num_frames} frames: give one line per frame")
        if (np.diff(times) < 0).any():
            line = int((np.diff(times) < 0).argmax()) + 1
            raise ValueError(f"{self.text} goes back in time after {line} lines: the times must rise")
        return times


def split_clock(cell: Path) -> tuple[Path, Clock | None]:
    """A cell without its clock, and the clock.

    A file or folder whose name happens to contain @ is taken as it is.
    """
    name, at, ending = cell.name.rpartition("@")
    if not at or not name or cell.exists():
        return cell, None
    recording = cell.with_name(name)
    if Path(ending).suffix.lower() in _TEXTS:
        return recording, Clock(text=cell.with_name(ending))
    spoken = _SPOKEN.fullmatch(ending)
    if spoken is None or not (spoken["start"] or spoken["rate"]):
        return cell, None
    return recording, Clock(start=float(spoken["start"] or 0), rate=float(spoken["rate"]) if spoken["rate"] else None)


def _read_text(path: Path) -> NDArray[np.float64]:
    if not path.is_file():
        raise FileNotFoundError(f"times {path} do not exist: put them beside the recording, one line per frame")
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path} is empty: give one line per frame, in seconds")
    column, unit = 0, 1.0
    if re.fullmatch(_NUMBER + r"(?:[eE][-+]?\d+)?", lines[0].strip()) is None:
        header = [name.strip().lower() for name in next(csv.reader(lines[:1]))]
        known = [name for name in header if name in _UNITS]
        if not known:
            raise ValueError(
                f"{path} begins with {lines[0]!r}: name a column {', '.join(_UNITS)}, or give only numbers"
            )
        column, unit, lines = header.index(known[0]), _UNITS[known[0]], lines[1:]
    try:
        times = np.array([float(row[column]) for row in csv.reader(lines)])
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} has a line without a time ({error}): give one number per frame") from error
    return times * unit

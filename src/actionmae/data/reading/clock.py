"""When the frames of a recording were taken: the ending `@…` of a manifest's cell. No torch.

| cell | its frames' times |
| --- | --- |
| `color.avi` | spread evenly over the clip, as those of every other recording without a clock |
| `color.avi@color.txt` | a text beside the recording, one line per frame |
| `color.avi@0.4s` | begins 0.4 s after the clip's zero; the rate is the file's own |
| `color.avi@35fps` | begins at zero, 35 frames a second |
| `color.avi@0.4s+35fps` | both |

A text without a header holds seconds, one number per line; with a header it is a table (comma, semicolon or tab) in
which the name of one column ends in a unit: `seconds`, `timestamp_ms`, `time (us)`, `t [ns]`. All clocks of one clip
count from the same zero. Frames may be chosen first (`color.avi#80-159@color.txt`); the clock speaks of the whole
recording.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionmae.data.reading.frame_files import on_disk
from actionmae.data.utf8 import read_utf8

_NUMBER = r"-?\d+(?:\.\d+)?"
_SPOKEN = re.compile(rf"(?:(?P<start>{_NUMBER})s)?\+?(?:(?P<rate>\d+(?:\.\d+)?)fps)?")
_TEXTS = (".txt", ".csv")
_SECONDS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
_UNITS = _SECONDS | {"sec": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


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
        if not (np.diff(times) >= 0).all():
            line = int((np.diff(times) < 0).argmax()) + 1
            raise ValueError(f"{self.text} goes back in time after {line} lines: the times must rise")
        return times


def split_clock(cell: Path) -> tuple[Path, Clock | None]:
    """A cell without its clock, and the clock.

    A file or folder whose name happens to contain @ is taken as it is.

    Raises:
        ValueError: If the recording exists, and what follows its @ is no clock.
    """
    if "@" not in cell.name or cell.exists():
        return cell, None
    places = [at for at, letter in enumerate(cell.name) if letter == "@" and at > 0]
    splits = [(cell.with_name(cell.name[:at]), cell.name[at + 1 :]) for at in places]
    found = [split for split in splits if on_disk(split[0]).exists()]
    for recording, ending in found or splits[-1:]:
        clock = _clock(cell, ending)
        if clock is not None:
            return recording, clock
    if found:
        raise ValueError(f"{cell} ends with no clock: write @0.4s, @35fps, @0.4s+35fps or @ and a .txt or .csv file")
    return cell, None


def _clock(cell: Path, ending: str) -> Clock | None:
    """What the part after @ says, if it says something."""
    if Path(ending).suffix.lower() in _TEXTS:
        return Clock(text=cell.with_name(ending))
    spoken = _SPOKEN.fullmatch(ending)
    if spoken is None or not ending or float(spoken["rate"] or 1) == 0:
        return None
    return Clock(start=float(spoken["start"] or 0), rate=float(spoken["rate"]) if spoken["rate"] else None)


def _read_text(path: Path) -> NDArray[np.float64]:
    if not path.is_file():
        raise FileNotFoundError(f"times {path} do not exist: put them beside the recording, one line per frame")
    lines = [line for line in read_utf8(path).splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path} is empty: give one line per frame, in seconds")
    separator, column, unit = ",", 0, 1.0
    if re.fullmatch(_NUMBER + r"(?:[eE][-+]?\d+)?", lines[0].strip()) is None:
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

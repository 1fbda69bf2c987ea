"""The text of a manifest's cell → `Cell`. No torch.

| cell | recording |
| --- | --- |
| `a.avi`, `clip` | a file; a folder of images |
| `clip/*_rgb.jpg` | the files of a folder whose names fit |
| `acc.csv[x,y,z]`, `acc.txt[1-3]` | these columns of a table, by name, or counted from 0 |
| `a.avi#3-60,62` | the frames of these numbers: a file's count from 0, a folder's are in the names of its files |
| `a.avi#3.2s-5.9s` | the frames from 3.2 s on and before 5.9 s by its clock, or without one from its first frame |
| `a.avi@log.txt` | the times of all its frames are in a text, whose path is relative to the recording's folder |
| `a.avi@log.txt[stamp]:ns` | in this column, in this unit (s, ms, us, ns); either part may be left out |
| `acc.csv[x,y,z]@t:ms` | the times are in a column of the table itself |
| `a.avi@0.4s+35fps` | the first frame is 0.4 s after the clip's zero, 35 follow a second; either part may be left out |

A file or folder whose name happens to contain `#`, `@`, `[` or `*`, and which exists, is taken as it is.
"""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

from actionmae.data.cell import UNITS, Cell, Clock, Runs, joined

TABLES = (".csv", ".tsv", ".txt", ".log")
"""Endings of the texts that hold a table: the times of a recording, or a recording of numbers."""

_SIGNS = frozenset("#@[*")
_NUMBER = r"(-?\d{1,12}(?:\.\d{1,12})?)"
_FPS = r"(\d{1,12}(?:\.\d{1,12})?)fps"
_SPOKEN = re.compile(rf"{_NUMBER}s(?:\+{_FPS})?|{_FPS}")
_RUN = r"\d{1,9}(?:-\d{1,9})?"
_FRAMES = re.compile(rf"#({_RUN}(?:,{_RUN})*)$")
_WINDOW = re.compile(rf"#{_NUMBER}s-{_NUMBER}s$")
_COLUMNS = re.compile(r"\[([^\[\]]+)\]$")
_UNIT = re.compile(rf":({'|'.join(UNITS)})$")


def parse_cell(text: str, base: Path | None = None) -> Cell:
    """Read a cell; its syntax is looked up on disk only where it has one.

    Args:
        text: See the table above.
        base: Folder that a relative path counts from; None = the working folder, and the path stays relative.

    Raises:
        ValueError: If the recording exists and what follows its @ is no clock, or frames are asked for backwards.
    """
    if not _SIGNS & set(text) or os.path.lexists(_join(base, text)):
        return Cell(_join(base, text))
    splits = [(_place(base, text[: at.start()]), text[at.end() :]) for at in re.finditer("(?<=.)@", text)]
    found = [(place, ending) for place, ending in splits if not place.missing]
    for place, ending in found or splits[-1:]:
        clock = _clock(place, ending)
        if clock is not None:
            return dataclasses.replace(place, clock=clock)
    alone = _place(base, text)
    if found and (alone.pattern or alone.missing):
        raise ValueError(f"{text} ends with no clock: write @0.4s, @35fps, @0.4s+35fps, @log.txt, @log.txt[column]:ms")
    return alone


def as_cell(source: Cell | os.PathLike[str] | str) -> Cell:
    """What users give for a recording, as a cell.

    Raises:
        TypeError: If it is something else.
        ValueError: See `parse_cell`.
    """
    if isinstance(source, Cell):
        return source
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"a recording is {type(source).__name__}: give a path, or a cell as in a manifest")
    return parse_cell(os.fspath(source))


def _join(base: Path | None, text: str) -> Path:
    return Path(text) if base is None else base / text


def _place(base: Path | None, text: str) -> Cell:
    """A cell without a clock."""
    text, match = _cut(base, text, _FRAMES)
    frames = _runs(match[1]) if match else ()
    text, match = _cut(base, text, _WINDOW)
    window = (float(match[1]), float(match[2])) if match else None
    if window is not None and window[0] >= window[1]:
        raise ValueError(f"{text}{match[0] if match else ''} asks for time backwards: write the earlier moment first")
    text, match = _cut(base, text, _COLUMNS) if text.rpartition("[")[0].lower().endswith(TABLES) else (text, None)
    columns = tuple(name.strip() for name in match[1].split(",")) if match else ()
    path = _join(base, text)
    if "*" in path.name and not os.path.lexists(path):
        return Cell(path.parent, pattern=path.name, columns=columns, frames=frames, window=window)
    return Cell(path, columns=columns, frames=frames, window=window)


def _cut(base: Path | None, text: str, ending: re.Pattern[str]) -> tuple[str, re.Match[str] | None]:
    """A text without such an ending, and the ending; a name that exists has none."""
    match = None if os.path.lexists(_join(base, text)) else ending.search(text)
    return (text, None) if match is None else (text[: match.start()], match)


def _runs(text: str) -> Runs:
    runs = [(int(run.split("-")[0]), int(run.split("-")[-1])) for run in text.split(",")]
    if any(first > last for first, last in runs):
        raise ValueError(f"#{text} asks for frames backwards: write the smaller number first, as #3-60")
    return joined(runs)


def _clock(place: Cell, ending: str) -> Clock | None:
    """What the part after @ says, if it says something."""
    spoken = _SPOKEN.fullmatch(ending)
    if spoken is not None:
        fps = spoken[2] or spoken[3]
        return None if fps and not float(fps) else Clock(start=float(spoken[1] or 0), fps=float(fps) if fps else None)
    unit = match[1] if (match := _UNIT.search(ending)) else ""
    name = ending.removesuffix(f":{unit}")
    column = match[1] if (match := _COLUMNS.search(name)) else ""
    log = name.removesuffix(f"[{column}]")
    if log.lower().endswith(TABLES):
        return Clock(log=place.folder / log, column=column, unit=unit)
    if name and not _SIGNS & set(name) and place.path.suffix.lower() in TABLES:
        return Clock(column=name, unit=unit)
    return None

"""Recordings kept as one file per frame: which files a manifest's cell names. No torch.

| cell | its frames |
| --- | --- |
| `clip` | all images of the folder |
| `clip/*_rgb.jpg` | those whose names fit, where several streams share a folder |
| `clip#3-60,62`, `clip/*_rgb.jpg#3-60` | of those, the frames of these numbers: what all streams of the clip have |

A frame's number is the first one in its file's name; files are sorted as numbers (2 before 10).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from actionmae.data.natural_order import natural_key

_NUMBERS = re.compile(r"#(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)$")


def on_disk(cell: Path) -> Path:
    """The file or folder that must exist for this cell.

    Raises:
        ValueError: If it asks for frames backwards.
    """
    return _parts(cell)[0]


def frame_number(file: Path) -> int | None:
    """The first number in a file's name; None = it has none."""
    match = re.search(r"\d+", file.name)
    return None if match is None else int(match[0])


def list_frames(cell: Path, endings: tuple[str, ...]) -> list[Path]:
    """The files of a cell in the order of time, possibly none.

    Args:
        cell: See the table above.
        endings: Lower-case file endings that count, for example (".png",).

    Raises:
        ValueError: If the cell asks for frame numbers that are not there.
    """
    folder, pattern, numbers = _parts(cell)
    files = [
        file for file in folder.iterdir() if file.suffix.lower() in endings and fnmatchcase(file.name, pattern or "*")
    ]
    if numbers is not None:
        files = [file for file in files if frame_number(file) in numbers]
        lost = numbers - {frame_number(file) for file in files}
        if lost:
            raise ValueError(f"frame {min(lost)} of {cell} is missing: copy the folder again, or prepare anew")
    return sorted(files, key=lambda file: natural_key(file.name))


def missing_numbers(cell: Path, files: Sequence[Path]) -> list[int]:
    """The numbers between those of the first and the last file that no file has: frames that were lost.

    Every second or third number is no loss. Where the cell names the numbers, or the names count no frames (the time of
    day, say), nothing can be said.

    Args:
        cell: See the table above.
        files: Its files in order.
    """
    numbers = [frame_number(file) for file in files]
    if _parts(cell)[2] is not None or None in numbers or len(numbers) < 2:
        return []
    first, *rest = (int(number) for number in numbers if number is not None)
    steps = [after - before for before, after in zip([first, *rest], rest, strict=False)]
    step = min(steps)
    if step < 1 or any(each % step for each in steps):
        return []
    lost = sorted(set(range(first, rest[-1], step)) - {first, *rest})
    return lost if len(lost) < len(numbers) else []  # as many lost as found: a choice of frames


def with_numbers(cell: Path, numbers: Iterable[int]) -> Path:
    """A cell that names only the frames of these numbers.

    Args:
        cell: A folder, or a folder and a pattern.
        numbers: At least one.
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return cell.with_name(f"{cell.name}#{text}")


def _parts(cell: Path) -> tuple[Path, str | None, frozenset[int] | None]:
    """What must exist, the pattern of names, the frame numbers."""
    if cell.exists():  # a name that happens to contain # or *
        return cell, None, None
    numbers = None
    match = _NUMBERS.search(cell.name)
    if match is not None:
        cell = cell.with_name(cell.name[: match.start()])
        ends = [[int(end) for end in run.split("-")] for run in match[1].split(",")]
        numbers = frozenset(number for run in ends for number in range(run[0], run[-1] + 1))
        if any(run[0] > run[-1] for run in ends):
            raise ValueError(f"{cell}#{match[1]} asks for frames backwards: write the smaller number first, as #3-60")
    if "*" in cell.name and not cell.exists():
        return cell.parent, cell.name, numbers
    return cell, None, numbers

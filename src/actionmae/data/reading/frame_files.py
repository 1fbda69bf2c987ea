"""Recordings kept as one file per frame: which files a cell names. No torch.

A frame's number is the first one in its file's name; files are sorted as numbers (2 before 10).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from actionmae.data.cell import Cell
from actionmae.data.natural_order import natural_key

IMAGES, TEXTS = (".jpg", ".jpeg", ".png"), (".txt",)
"""Endings of the files of one frame each."""


def frame_number(file: Path) -> int | None:
    """The first number in a file's name; None = it has none."""
    match = re.search(r"\d+", file.name)
    return None if match is None else int(match[0])


def list_frames(cell: Cell, endings: tuple[str, ...]) -> list[Path]:
    """The files of a cell in the order of time, possibly none; hidden ones do not count.

    Args:
        cell: A folder, or some of its files.
        endings: Lower-case file endings that count, for example (".png",).

    Raises:
        ValueError: If the cell asks for frame numbers that are not there, or something is no regular file.
    """
    files = []
    with os.scandir(cell.path) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not fnmatchcase(entry.name, cell.pattern or "*"):
                continue
            if entry.name.lower().endswith(endings):
                if not entry.is_file():
                    raise ValueError(f"{entry.path} is no regular file: remove it from the frames of {cell}")
                files.append(Path(entry.path))
    if cell.frames:
        files = [file for file in files if cell.chooses(frame_number(file))]
        found = {frame_number(file) for file in files}
        lost = next(
            (number for first, last in cell.frames for number in range(first, last + 1) if number not in found), None
        )
        if lost is not None:
            raise ValueError(f"frame {lost} of {cell} is missing: copy the folder again, or prepare anew")
    return sorted(files, key=lambda file: natural_key(file.name))


def missing_numbers(cell: Cell, files: Sequence[Path]) -> list[int]:
    """The numbers between those of the first and the last file that no file has: frames that were lost.

    Every second or third number is no loss. Where the cell names the numbers, or the names count no frames (the time of
    day, say), nothing can be said.

    Args:
        cell: A folder, or some of its files.
        files: Its files in order.
    """
    numbers = [frame_number(file) for file in files]
    if cell.frames or None in numbers or len(numbers) < 2:
        return []
    first, *rest = (int(number) for number in numbers if number is not None)
    steps = [after - before for before, after in zip([first, *rest], rest, strict=False)]
    step = min(steps)
    if step < 1 or any(each % step for each in steps):
        return []
    lost = sorted(set(range(first, rest[-1], step)) - {first, *rest})
    return lost if len(lost) < len(numbers) else []  # as many lost as found: a choice of frames

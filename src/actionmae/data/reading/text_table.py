"""Texts that hold a table of numbers: the log of a camera, the samples of a sensor. No torch.

Columns are separated by commas, semicolons, tabs or blanks. The first line may be a header; lines that begin with # are
left out, but the last of them before the numbers is the header where there is no other. Columns are named as the header
names them, or counted from 0.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionmae.data.utf8 import read_utf8


class TextTable:
    """A table; what is in its cells is looked at when they are asked for.

    Args:
        path: The text.

    Attributes:
        names: The header's, without quotes and blanks around them; empty = there is none.
        numeric: Columns whose first cell is a number.
        num_rows: Without the header.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no UTF-8 text, or has no line of numbers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        every = [line.strip(" ") for line in read_utf8(path).splitlines() if line.strip()]
        notes = [line.strip().lstrip("# ") for line in every if line.lstrip().startswith("#")]
        lines = [line for line in every if not line.lstrip().startswith("#")]
        first = lines[0] if lines else ""
        # A tab in front is an empty first cell, but where no other separates columns, it only indents.
        self._separator = next((mark for mark in ";\t," if mark in first.strip()), None)
        header = [] if _has_number(self._split(first)) else self._split(first)
        self._lines = lines[1:] if header else lines
        if not self._lines:
            raise ValueError(f"{path} is empty: give one line of numbers for each frame")
        self.num_rows, self._width = len(self._lines), len(self._split(self._lines[0]))
        if not header and notes and len(self._split(notes[-1])) == self._width:
            header = self._split(notes[-1])
        self.names = (first.strip(),) if header and self._width == 1 else tuple(header)
        if header and len(self.names) != self._width:
            raise ValueError(
                f"{path} names {len(header)} columns and has {self._width} in its first line: separate them by commas"
            )
        self.numeric = [at for at, cell in enumerate(self._split(self._lines[0])) if _is_number(cell)]

    def place(self, column: str) -> int:
        """Which column a name or a number means.

        Raises:
            ValueError: If there is none of this name or number.
        """
        names = [name.casefold() for name in self.names]
        if names.count(column.casefold()) == 1:
            return names.index(column.casefold())
        if column.isdecimal() and len(column) < 9 and int(column) < self._width:
            return int(column)
        raise ValueError(f"{self.path} has no column {column!r}: it has {self.describe()}")

    def places(self, columns: Sequence[str]) -> list[int]:
        """Which columns these names, numbers, and runs of numbers (`1-3`) mean; see `place`."""
        places: list[int] = []
        for column in columns:
            first, dash, last = column.partition("-")
            if dash and first.isdecimal() and last.isdecimal() and column not in self.names:
                places += range(self.place(first), self.place(last) + 1)
            else:
                places.append(self.place(column))
        return places

    def describe(self) -> str:
        """Its columns, in words."""
        return (
            f"the columns {', '.join(self.names)}"
            if self.names
            else f"{self._width} columns without names, counted from 0"
        )

    def read(self, places: Sequence[int]) -> NDArray[np.float64]:
        """[num_rows, len(places)] numbers.

        Raises:
            ValueError: If a cell of these columns is no number, or missing.
        """
        try:
            rows = [self._split(line) for line in self._lines]
            return np.array([[self._number(row[at]) for at in places] for row in rows])
        except (ValueError, IndexError) as error:
            raise ValueError(f"{self.path} has a line without a number in each column ({error}): repair it") from error

    def _split(self, line: str) -> list[str]:
        if self._separator is None:
            return line.split()
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=self._separator))]
        except csv.Error as error:
            raise ValueError(f"{self.path} is no table ({error}): separate its columns by commas or blanks") from error
        return cells[:-1] if not cells[-1] else cells  # a separator at the end of the line

    def _number(self, cell: str) -> float:
        # Where semicolons separate the columns, commas separate the decimals.
        return float(cell.replace(",", ".") if self._separator == ";" else cell)


def _has_number(cells: Sequence[str]) -> bool:
    return any(map(_is_number, cells))


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True

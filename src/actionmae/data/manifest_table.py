"""The cells of a manifest as spreadsheets of many languages write them, under columns that are checked. No torch."""

from __future__ import annotations

import csv
import difflib
import io
from collections import Counter
from pathlib import Path

from actionmae.data.utf8 import read_utf8

FACTS = ("sample", "label", "subject", "camera", "setup", "split")
"""The columns that are no modality."""


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns in their order, and the cells of each row by column.

    Args:
        path: A table separated by commas, semicolons or tabs; rows without any text are left out.

    Raises:
        csv.Error: If it is no table.
        ValueError: If a column is missing, misspelt or doubled, a row has too many cells, or the text is not UTF-8.
    """
    text = read_utf8(path)
    header = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    columns = [column.strip() for column in table.fieldnames or []]
    table.fieldnames = columns
    _check_columns(path, columns)
    rows = []
    for cells in table:
        if any(cells.pop(None, [])):
            raise ValueError(
                f"line {table.line_num} of manifest {path} has more cells than the {len(columns)} columns of the "
                "header: quote names that contain the separator"
            )
        if any((cell or "").strip() for cell in cells.values()):
            rows.append(cells)
    return columns, rows


def _check_columns(path: Path, columns: list[str]) -> None:
    if doubled := [column for column, count in Counter(columns).items() if count > 1]:
        raise ValueError(f"manifest {path} has column {doubled[0]!r} twice: remove one")
    for column in columns:
        close = difflib.get_close_matches(column.strip().lower(), FACTS, n=1, cutoff=0.8)
        if column not in FACTS and close:
            raise ValueError(f"manifest {path} has a column {column!r}: did you mean {close[0]!r}?")
        if not column.isidentifier():
            raise ValueError(f"manifest {path} has a column {column!r}: name it like a modality, for example rgb")
    for column in ("sample", "label"):
        if column not in columns:
            raise ValueError(f"manifest {path} has no column {column!r}: the header is {','.join(FACTS)},<modality>…")
    if not set(columns) - set(FACTS):
        raise ValueError(f"manifest {path} has no modality column: add at least one, for example rgb, with paths")

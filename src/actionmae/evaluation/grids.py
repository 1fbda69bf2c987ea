"""A grid of cells as aligned text or Markdown, and how numbers are printed in it. No torch."""

import csv
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

NOT_SCORED = "n/a"


def percent(value: float | None) -> str:
    """One decimal, "n/a" for None."""
    return NOT_SCORED if value is None else f"{value:.1f}"


def points(value: float | None) -> str:
    """A signed difference in percentage points with a true minus sign, "n/a" for None."""
    if value is None:
        return NOT_SCORED
    text = f"{abs(value):.1f}"
    return "0.0" if text == "0.0" else ("−" if value < 0 else "+") + text


def percent_range(interval: tuple[float, float] | None) -> str:
    """An interval as `88.1–92.3`, "n/a" for None."""
    return NOT_SCORED if interval is None else f"{interval[0]:.1f}–{interval[1]:.1f}"


def signed_range(interval: tuple[float, float] | None) -> str:
    """An interval of differences as `−2.1 to +0.4`, "n/a" for None."""
    return NOT_SCORED if interval is None else f"{points(interval[0])} to {points(interval[1])}"


class Grid(NamedTuple):
    """Cells as text, the first column to the left, numbers to the right.

    Attributes:
        header: Column titles.
        rows: As many cells in each as titles.
        rules: Rows before which the aligned text has a line, besides the one under the header.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    rules: Sequence[int] = ()


def text_grid(header: Sequence[str], rows: Sequence[Sequence[str]], rules: Sequence[int] = ()) -> str:
    """Columns aligned for a terminal; the arguments are a `Grid`'s."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "  ".join([cells[0].ljust(widths[0]), *rest]).rstrip()

    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    out = [line(header), rule]
    for at, row in enumerate(rows):
        out += [rule, line(row)] if at in rules else [line(row)]
    return "\n".join(out)


def markdown_grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table in which cells are plain text."""
    align = [":--"] + ["--:"] * (len(header) - 1)
    lines = [[markdown_text(cell) for cell in row] for row in (header, *rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (lines[0], align, *lines[1:]))


def markdown_text(text: object) -> str:
    """A text for use inside a line of Markdown, shown as it is whatever it holds; line breaks become blanks."""
    line = " ".join(str(text).split())
    # An underscore inside a word marks nothing and stays readable.
    return re.sub(r"[\\`*\[\]<>|~&$#]|(?<!\w)_|_(?!\w)", r"\\\g<0>", line)


def csv_grid(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV with full precision; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return out.getvalue()

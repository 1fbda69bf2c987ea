"""A grid of cells as aligned text, Markdown or CSV, and how numbers are printed in it. No torch."""

import csv
import io
from collections.abc import Sequence

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


def text_grid(header: Sequence[str], rows: Sequence[Sequence[str]], rules: Sequence[int] = ()) -> str:
    """Columns aligned for a terminal: the first to the left, numbers to the right.

    Args:
        header: Column titles.
        rows: Cells, as many in each row as titles.
        rules: Rows before which a line is drawn, besides the one under the header.
    """
    widths = [max(len(row[at]) for row in (header, *rows)) for at in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "  ".join([cells[0].ljust(widths[0]), *rest]).rstrip()

    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    out = [line(header), rule]
    for at, row in enumerate(rows):
        out += [rule, line(row)] if at in rules else [line(row)]
    return "\n".join(out)


def markdown_grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right; `|` in cells is escaped."""
    align = [":--"] + ["--:"] * (len(header) - 1)
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, align, *rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def csv_grid(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV with full precision; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return out.getvalue()

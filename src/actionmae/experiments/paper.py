"""The paper's Tables 1–9 as data, and which of its printed numbers do not follow from the others. No torch."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionmae.core.choices import did_you_mean
from actionmae.core.yaml_files import read_yaml
from actionmae.evaluation.grids import text_grid

_ROUNDING = 0.051
"""Half of the last printed digit; a difference of two printed numbers is compared with a printed difference."""


@dataclass(frozen=True)
class PaperTable:
    """One table as printed.

    Attributes:
        name: "1" … "9"; Table 7 is 7a, 7b, 7c, 7d.
        title: What it shows.
        rows: By row and column, percent or percentage points.
    """

    name: str
    title: str
    rows: Mapping[str, Mapping[str, float]]

    @property
    def columns(self) -> list[str]:
        """In order of their first appearance."""
        return list(dict.fromkeys(column for row in self.rows.values() for column in row))

    def reference(self, row: str) -> str:
        """The row that a "gain" is the difference to: the one before, or the last one whose step was adopted."""
        names = list(self.rows)
        return names[names.index(row) - 1] if row.startswith("+") else [name for name in names if name[0] == "+"][-1]

    def to_text(self) -> str:
        """As a text table."""
        cells = [
            [name, *(_printed(column, row.get(column)) for column in self.columns)] for name, row in self.rows.items()
        ]
        return f"Table {self.name}. {self.title}\n\n{text_grid(['', *self.columns], cells)}"


@functools.cache
def paper_tables() -> dict[str, PaperTable]:
    """All tables by name."""
    return {name: PaperTable(name, **content) for name, content in _content()["tables"].items()}


def select_tables(name: str) -> list[str]:
    """Names of tables: "all", a table's, or "7" for 7a–7d.

    Raises:
        ValueError: If there is no such table.
    """
    known = list(paper_tables())
    chosen = [each for each in known if name in ("all", each, each[:-1])]
    if not chosen:
        raise ValueError(
            f"the paper prints no figures for {name!r}{did_you_mean(name, known)}: choose all, 7 or {', '.join(known)}"
        )
    return chosen


def inconsistencies() -> list[str]:
    """Printed numbers that contradict other printed numbers, one sentence each."""
    derived = [text for table in paper_tables().values() for text in _wrong_differences(table)]
    return [*derived, *_unequal()]


def _wrong_differences(table: PaperTable) -> Iterator[str]:
    """Every Δ, Δ̄ and gain, computed again."""
    for name, row in table.rows.items():
        accuracy = {column: value for column, value in row.items() if column != "gain" and "Δ" not in column}
        full = max(accuracy, key=len)
        losses = [value - accuracy[full] for column, value in accuracy.items() if column != full]
        expected = {f"Δ {column}": value - accuracy[full] for column, value in accuracy.items()}
        if losses:
            expected["Δ̄"] = sum(losses) / len(losses)
        if "gain" in row:
            expected["gain"] = accuracy[full] - table.rows[table.reference(name)][full]
        for column, value in expected.items():
            if column in row and abs(row[column] - value) > _ROUNDING:
                yield f"Table {table.name}, {name}: {column} is printed {row[column]}, its rows give {value:.1f}"


def _unequal() -> Iterator[str]:
    tables = paper_tables()
    pairs = [
        (f"Table {a}, {row}", tables[a].rows[row], f"Table {b}, {other}", tables[b].rows[other])
        for a, row, b, other in _content()["same"]
    ]
    for name, row, model, data in _content()["same_in_table_6"]:
        split = {
            each.removeprefix(f"{model} → "): values[data]
            for each, values in tables["6"].rows.items()
            if each.startswith(f"{model} → ")
        }
        pairs.append((f"Table {name}, {row}", tables[name].rows[row], f"Table 6, {model}", split))
    for one, left, other, right in pairs:
        for column in left.keys() & right.keys():
            if left[column] != right[column]:
                yield f"{one} and {other} are the same model: {column} is {left[column]} and {right[column]}"


def _printed(column: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+.1f}".replace("-", "−") if column == "gain" or "Δ" in column else f"{value:.1f}"


@functools.cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = read_yaml(Path(__file__).with_name("paper.yaml"))
    return content

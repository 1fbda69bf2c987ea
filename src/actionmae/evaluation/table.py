"""The robustness table: what each lost sensor costs (the paper's Tables 4–6, with counts and intervals).

All rates are in percent, 0–100, all differences in percentage points, negative = worse. Shapes: n clips, K classes.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from actionmae.core.subsets import Subset, all_subsets, format_subset, parse_subset
from actionmae.evaluation.grids import Grid, csv_grid, markdown_grid, text_grid
from actionmae.evaluation.means import mean_over
from actionmae.evaluation.rows import RECORDED, TableRow, count_rows
from actionmae.evaluation.scores import SubsetScores
from actionmae.evaluation.shapley import SensorValue, sensor_values
from actionmae.evaluation.subset_plan import ALL_SUBSETS_UP_TO, fixed_subsets, table_order
from actionmae.evaluation.table_grids import row_grid, sensor_grid, size_grid, summary

_FORMAT = 2
"""Format 1 had no `sensors`, and each row stood for itself alone."""


@dataclass(frozen=True, kw_only=True)
class RobustnessTable:
    """One row per subset, largest first, in the paper's order, and one row "as recorded".

    Attributes:
        modalities: Names, in order.
        num_classes: K.
        num_clips: All clips, whatever they have.
        rows: The first is the full set. Of up to 7 modalities all 2^M − 1 subsets, of more those that `plan_subsets`
            names; what the model does not predict from, or no clip has, is n/a.
        recorded: Each clip scored once, with whatever exists for it.
        sensors: What each modality is worth, in their order.
    """

    modalities: tuple[str, ...]
    num_classes: int
    num_clips: int
    rows: tuple[TableRow, ...]
    recorded: TableRow
    sensors: tuple[SensorValue, ...] = ()

    @classmethod
    def from_scores(cls, scores: SubsetScores, specialists: Mapping[str, float] | None = None) -> "RobustnessTable":
        """Count.

        Args:
            scores: Of one model.
            specialists: Top-1 in percent of models trained on one subset alone, by subset ("R", "depth" or "R+D").

        Raises:
            ValueError: If a specialist's subset is unknown or its top-1 is no percentage.
        """
        size = len(scores.modalities)
        alone = {parse_subset(name, scores.modalities): top1 for name, top1 in (specialists or {}).items()}
        for subset, top1 in alone.items():
            if not 0 <= top1 <= 100:
                raise ValueError(
                    f"specialist {format_subset(subset, scores.modalities)} has top-1 {top1}: give percent, 0–100"
                )
        listed = fixed_subsets(size) if scores.sampled or size > ALL_SUBSETS_UP_TO else all_subsets(size)
        subsets = table_order([*listed, *scores.subsets, *alone])
        rows, recorded = count_rows(scores, subsets)
        return cls(
            modalities=scores.modalities.names,
            num_classes=len(scores.classes),
            num_clips=len(scores),
            rows=tuple(
                dataclasses.replace(
                    row,
                    specialist=alone.get(subset),
                    stands_for=_stands_for(subset, scores),
                )
                for row, subset in zip(rows, subsets, strict=True)
            ),
            recorded=recorded,
            sensors=sensor_values(scores),
        )

    def __getitem__(self, subset: str) -> TableRow:
        """The row of a subset by its letters as printed, or "as recorded".

        Raises:
            ValueError: If there is no such row.
        """
        if subset not in self._by_name:
            known = ", ".join(row.subset for row in self.rows)
            raise ValueError(f"no row {subset!r}: this table has {known} and {RECORDED}")
        return self._by_name[subset]

    @cached_property
    def _by_name(self) -> dict[str, TableRow]:
        return {row.subset: row for row in (*self.rows, self.recorded)}

    @property
    def mean_delta(self) -> float | None:
        """Δ̄, the mean of Δ over the incomplete subsets that have one, in points; None if none has (or M = 1)."""
        return mean_over(self.rows[1:], lambda row: row.delta).value

    @property
    def mean_top1(self) -> float | None:
        """Mean top-1 over the subsets that have one, the full set included, in percent; None if none has."""
        return mean_over(self.rows, lambda row: row.top1).value

    @property
    def mean_incomplete_top1(self) -> float | None:
        """Mean top-1 over the incomplete subsets that have one, in percent; None if none has (or M = 1)."""
        return mean_over(self.rows[1:], lambda row: row.top1).value

    def grids(self) -> list[Grid]:
        """What is printed: all rows, from 4 sensors on the same by number of sensors, and the sensors."""
        found = (
            row_grid(self.rows, self.recorded, self.num_classes),
            size_grid(self.rows),
            sensor_grid(self.sensors, self.rows) if self.sensors else None,
        )
        return [grid for grid in found if grid is not None]

    def to_text(self) -> str:
        """Aligned columns for a terminal, with Δ̄ and the means below."""
        return "\n\n".join([*(text_grid(*grid) for grid in self.grids()), self.summary()])

    def to_markdown(self) -> str:
        """Markdown tables, with Δ̄ and the means below."""
        return "\n\n".join([*(markdown_grid(grid.header, grid.rows) for grid in self.grids()), self.summary()]) + "\n"

    def summary(self) -> str:
        """One line with Δ̄ and the mean top-1; estimates say so, and so do means of some of the subsets."""
        return summary(self.rows)

    def to_csv(self) -> str:
        """All fields of the rows with full precision, one line per row; n/a is an empty cell."""
        names = [field.name for field in dataclasses.fields(TableRow)]
        header = [part for name in names for part in _csv_names(name)] + ["gap"]
        return csv_grid(header, [_csv_cells(row, names) for row in (*self.rows, self.recorded)])

    def to_json(self) -> str:
        """All fields, from which `from_json` rebuilds the table; the means are added for other readers."""
        means = {"mean_delta": self.mean_delta, "mean_top1": self.mean_top1, "summary": self.summary()}
        return json.dumps({"format": _FORMAT, **dataclasses.asdict(self), **means}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RobustnessTable":
        """Rebuild a table from `to_json`, of this or an older format.

        Raises:
            ValueError: If it is no robustness table, or one of a newer format.
        """
        try:
            version = msgspec.json.decode(text, type=dict[str, Any]).get("format")
            if not isinstance(version, int) or not 1 <= version <= _FORMAT:
                raise ValueError(f"it has format {version!r} and this version reads 1 to {_FORMAT}")
            table = msgspec.json.decode(text, type=cls)
            if not table.rows:
                raise ValueError("it has no rows")
        except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
            raise ValueError(f"this JSON is no robustness table ({error}): give one that evaluate wrote") from error
        return table


def _stands_for(subset: Subset, scores: SubsetScores) -> float:
    """Of how many subsets of its size a subset is a random sample; see `TableRow`."""
    if not scores.sampled:
        return 1.0
    if subset not in scores.logits:
        return 0.0
    return math.comb(len(scores.modalities), len(subset)) / sum(len(other) == len(subset) for other in scores.subsets)


def _csv_names(name: str) -> list[str]:
    return [f"{name}_low", f"{name}_high"] if name.endswith("interval") else [name]


def _csv_cells(row: TableRow, names: Sequence[str]) -> list[object]:
    cells: list[object] = []
    for name in names:
        value = getattr(row, name)
        cells += (value or (None, None)) if name.endswith("interval") else [value]
    return [*cells, row.gap]

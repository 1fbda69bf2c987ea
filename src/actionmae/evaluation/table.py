"""The robustness table: what each lost sensor costs (the paper's Tables 4–6, with counts and intervals).

All rates are in percent, 0–100, all differences in percentage points, negative = worse. Shapes: n clips, K classes.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from actionmae.core.subsets import Subset, all_subsets, format_subset, parse_subset
from actionmae.core.tensors import ClipBatch, SubsetClassifier
from actionmae.evaluation.grids import csv_grid, markdown_grid, percent, percent_range, points, text_grid
from actionmae.evaluation.rows import RECORDED, TableRow, recorded_row, subset_row
from actionmae.evaluation.scores import SubsetScores, score_subsets

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class RobustnessTable:
    """One row per non-empty subset, largest first, in the paper's order, and one row "as recorded".

    Attributes:
        modalities: Names, in order.
        num_classes: K.
        num_clips: All clips, whatever they have.
        rows: 2^M − 1 rows; the first is the full set.
        recorded: Each clip scored once, with whatever exists for it.
    """

    modalities: tuple[str, ...]
    num_classes: int
    num_clips: int
    rows: tuple[TableRow, ...]
    recorded: TableRow

    @classmethod
    def from_scores(cls, scores: SubsetScores, specialists: Mapping[str, float] | None = None) -> "RobustnessTable":
        """Count.

        Args:
            scores: Of one model.
            specialists: Top-1 in percent of models trained on one subset alone, by subset ("R", "depth" or "R+D").

        Raises:
            ValueError: If a specialist's subset is unknown or its top-1 is no percentage.
        """
        alone = {parse_subset(name, scores.modalities): top1 for name, top1 in (specialists or {}).items()}
        for subset, top1 in alone.items():
            if not 0 <= top1 <= 100:
                raise ValueError(
                    f"specialist {format_subset(subset, scores.modalities)} has top-1 {top1}: give percent, 0–100"
                )
        return cls(
            modalities=scores.modalities.names,
            num_classes=len(scores.classes),
            num_clips=len(scores),
            rows=tuple(
                dataclasses.replace(subset_row(scores, subset), specialist=alone.get(subset))
                for subset in all_subsets(len(scores.modalities))
            ),
            recorded=recorded_row(scores),
        )

    def __getitem__(self, subset: str) -> TableRow:
        """The row of a subset by its letters as printed, or "as recorded".

        Raises:
            ValueError: If there is no such row.
        """
        for row in (*self.rows, self.recorded):
            if row.subset == subset:
                return row
        known = ", ".join(row.subset for row in self.rows)
        raise ValueError(f"no row {subset!r}: this table has {known} and {RECORDED}")

    @property
    def mean_delta(self) -> float | None:
        """Δ̄, the mean of Δ over the 2^M − 2 incomplete subsets, in points; None if one of them is n/a (or M = 1)."""
        return _mean([row.delta for row in self.rows[1:]])

    @property
    def mean_top1(self) -> float | None:
        """Mean top-1 over all subsets, the full set included, in percent; None if one of them is n/a."""
        return _mean([row.top1 for row in self.rows])

    @property
    def mean_incomplete_top1(self) -> float | None:
        """Mean top-1 over the incomplete subsets, in percent; None if one of them is n/a (or M = 1)."""
        return _mean([row.top1 for row in self.rows[1:]])

    def header(self) -> list[str]:
        """Column titles of text and Markdown; columns without any value are left out."""
        return [title for title, _ in self._columns()]

    def cells(self) -> list[list[str]]:
        """The printed rows: the subsets, then "as recorded"."""
        return [[cell(row) for _, cell in self._columns()] for row in (*self.rows, self.recorded)]

    def to_text(self) -> str:
        """Aligned columns for a terminal, with Δ̄ and the means below."""
        return text_grid(self.header(), self.cells(), rules=(len(self.rows),)) + "\n" + self.summary()

    def to_markdown(self) -> str:
        """A Markdown table, with Δ̄ and the means below."""
        return markdown_grid(self.header(), self.cells()) + "\n\n" + self.summary() + "\n"

    def summary(self) -> str:
        """One line with Δ̄ and the mean top-1."""
        return f"mean Δ {points(self.mean_delta)} points · mean top-1 of all subsets {percent(self.mean_top1)} %"

    def to_csv(self) -> str:
        """All fields with full precision, one line per row; n/a is an empty cell."""
        names = [field.name for field in dataclasses.fields(TableRow)]
        header = [part for name in names for part in _csv_names(name)] + ["gap"]
        return csv_grid(header, [_csv_cells(row, names) for row in (*self.rows, self.recorded)])

    def to_json(self) -> str:
        """All fields, from which `from_json` rebuilds the table; the means are added for other readers."""
        means = {"mean_delta": self.mean_delta, "mean_top1": self.mean_top1}
        return json.dumps({"format": _FORMAT, **dataclasses.asdict(self), **means}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RobustnessTable":
        """Rebuild a table from `to_json`.

        Raises:
            ValueError: If it is no robustness table, or one of a newer format.
        """
        try:
            data = json.loads(text)
            version = data["format"]
            if version > _FORMAT:
                raise ValueError(f"it has format {version} and this version reads up to {_FORMAT}")
            return cls(
                modalities=tuple(data["modalities"]),
                num_classes=data["num_classes"],
                num_clips=data["num_clips"],
                rows=tuple(TableRow.from_dict(row) for row in data["rows"]),
                recorded=TableRow.from_dict(data["recorded"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"this JSON is no robustness table ({error}): give one that evaluate wrote") from error

    def _columns(self) -> list[tuple[str, Callable[[TableRow], str]]]:
        rows = self.rows
        columns: list[tuple[str, Callable[[TableRow], str], bool]] = [
            ("subset", lambda row: row.subset, True),
            ("n", lambda row: str(row.n), True),
            ("top-1", lambda row: percent(row.top1), True),
            ("95 %", lambda row: percent_range(row.interval), True),
            ("by subject", lambda row: percent_range(row.subject_interval), any(row.subject_interval for row in rows)),
            (f"top-{min(5, self.num_classes)}", lambda row: percent(row.top5), True),
            ("Δ", lambda row: "" if row.subset == rows[0].subset else points(row.delta), len(rows) > 1),
            ("mean class", lambda row: percent(row.mean_class), True),
            ("macro F1", lambda row: percent(row.macro_f1), True),
            ("specialist", _specialist, any(row.specialist is not None for row in rows)),
            ("gap", _gap, any(row.specialist is not None for row in rows)),
        ]
        return [(title, cell) for title, cell, shown in columns if shown]


def evaluate_subsets(
    model: SubsetClassifier,
    batches: Iterable[ClipBatch],
    *,
    classes: Sequence[str] | None = None,
    subjects: Mapping[str, str] | None = None,
    specialists: Mapping[str, float] | None = None,
    subsets: Iterable[Subset] | None = None,
    progress: Callable[[int], None] | None = None,
) -> RobustnessTable:
    """Score a model on every subset of its modalities and count: `score_subsets`, then `RobustnessTable.from_scores`.

    Args:
        model: Any `SubsetClassifier`.
        batches: Ready for the model: floats, on its device.
        classes: Class names; None = the model's own `classes`.
        subjects: From sample id to subject, for intervals clustered by subject.
        specialists: Top-1 in percent of models trained on one subset alone, by subset.
        subsets: Which subsets to score; None = all.
        progress: Called after each batch with the number of clips in it.

    Raises:
        ValueError: If no class names are given and the model has none, or as the two functions say.
    """
    names = classes if classes is not None else getattr(model, "classes", None)
    if names is None:
        raise ValueError(f"{type(model).__name__} has no class names: give evaluate_subsets(…, classes=[…])")
    scores = score_subsets(model, batches, classes=names, subjects=subjects, subsets=subsets, progress=progress)
    return RobustnessTable.from_scores(scores, specialists)


def _mean(values: Sequence[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return sum(given) / len(given) if given and len(given) == len(values) else None


def _specialist(row: TableRow) -> str:
    return "" if row.specialist is None else percent(row.specialist)


def _gap(row: TableRow) -> str:
    return "" if row.specialist is None else points(row.gap)


def _csv_names(name: str) -> list[str]:
    return [f"{name}_low", f"{name}_high"] if name.endswith("interval") else [name]


def _csv_cells(row: TableRow, names: Sequence[str]) -> list[object]:
    cells: list[object] = []
    for name in names:
        value = getattr(row, name)
        cells += (value or (None, None)) if name.endswith("interval") else [value]
    return [*cells, row.gap]

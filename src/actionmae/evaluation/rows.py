"""One row of the robustness table: counted over the clips that have a subset, compared with the full set clip by clip.

All rates are in percent, 0–100, all differences in percentage points, negative = worse. Shapes: n clips, K classes.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from actionmae.core.subsets import Subset, format_subset
from actionmae.evaluation.intervals import Interval, cluster_interval, wilson_interval
from actionmae.evaluation.scores import SubsetScores

RECORDED = "as recorded"


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One subset of the modalities. A value of None prints as n/a: no clip has the subset, or the model lacks it.

    Attributes:
        subset: Its letters, "R+D", or "as recorded": each clip with whatever exists for it.
        n: Clips that have all of it, the only ones which count.
        correct: How many of them are right.
        top1: Percent.
        top5: Percent; with fewer than 5 classes top-min(5, K).
        interval: Wilson's 95 % interval of top1 (clips taken for independent).
        subject_interval: 95 % interval of top1 clustered by subject; None unless the subjects of all clips are known.
        paired: Clips which have this subset and all modalities, too.
        delta: top1 minus the full set's top1 on the `paired` clips; None for the full set itself.
        delta_interval: 95 % interval of delta on the same clips, clustered by subject where subjects are known.
        mean_class: Mean over the classes (that occur) of the class's own top-1, percent.
        macro_f1: Mean F1 over the classes that occur as label or as prediction, percent.
        specialist: Top-1 of the model trained on this subset alone, where given.
    """

    subset: str
    n: int
    correct: int
    top1: float | None = None
    top5: float | None = None
    interval: Interval | None = None
    subject_interval: Interval | None = None
    paired: int = 0
    delta: float | None = None
    delta_interval: Interval | None = None
    mean_class: float | None = None
    macro_f1: float | None = None
    specialist: float | None = None

    @property
    def gap(self) -> float | None:
        """top1 minus the specialist's, in points."""
        return None if self.top1 is None or self.specialist is None else self.top1 - self.specialist

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "TableRow":
        """Rebuild a row from `dataclasses.asdict` (lists may stand for tuples)."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        return cls(**values)


def subset_row(scores: SubsetScores, subset: Subset) -> TableRow:
    """Count the clips that have all of a subset."""
    name, rows = format_subset(subset, scores.modalities), scores.has(subset)
    if not rows.any():
        return TableRow(subset=name, n=0, correct=0)
    return _row(name, scores, scores.logits[subset], rows)


def recorded_row(scores: SubsetScores) -> TableRow:
    """Count every clip with whatever exists for it."""
    logits = scores.recorded()
    rows: np.ndarray = ~np.isnan(logits).any(axis=1)
    return _row(RECORDED, scores, logits, rows) if rows.any() else TableRow(subset=RECORDED, n=0, correct=0)


def _row(name: str, scores: SubsetScores, logits: Float32[np.ndarray, "n K"], rows: Bool[np.ndarray, " n"]) -> TableRow:
    """Count one row over the clips `rows`, and compare it with the full set on the clips which both share."""
    labels, subjects = scores.labels[rows], np.array(scores.subjects)
    predicted = logits[rows].argmax(axis=1)
    right: np.ndarray = predicted == labels
    ranked = np.argsort(-logits[rows], axis=1, kind="stable")[:, :5]
    known = all(subjects[rows])
    row = TableRow(
        subset=name,
        n=int(rows.sum()),
        correct=int(right.sum()),
        top1=100 * float(right.mean()),
        top5=100 * float((ranked == labels[:, None]).any(axis=1).mean()),
        interval=_percent(wilson_interval(int(right.sum()), len(right))),
        subject_interval=_percent(cluster_interval(right.astype(np.float64), subjects[rows])) if known else None,
        mean_class=100 * _mean_class(predicted, labels),
        macro_f1=100 * _macro_f1(predicted, labels),
    )
    both = rows & scores.has(scores.full)
    if name == format_subset(scores.full, scores.modalities) or not both.any():
        return dataclasses.replace(row, paired=int(both.sum()))
    full = scores.logits[scores.full][both].argmax(axis=1) == scores.labels[both]
    change = (logits[both].argmax(axis=1) == scores.labels[both]).astype(np.float64) - full
    clusters = subjects[both] if all(subjects[both]) else np.arange(len(change))
    interval = cluster_interval(change, clusters)
    return dataclasses.replace(
        row,
        paired=len(change),
        delta=100 * float(change.mean()),
        delta_interval=None if interval is None else (100 * interval[0], 100 * interval[1]),
    )


def _mean_class(predicted: Int64[np.ndarray, " n"], labels: Int64[np.ndarray, " n"]) -> float:
    return float(np.mean([(predicted[labels == label] == label).mean() for label in np.unique(labels)]))


def _macro_f1(predicted: Int64[np.ndarray, " n"], labels: Int64[np.ndarray, " n"]) -> float:
    size = int(max(predicted.max(), labels.max())) + 1
    hits = np.bincount(labels[predicted == labels], minlength=size)
    either = np.bincount(labels, minlength=size) + np.bincount(predicted, minlength=size)
    return float((2 * hits[either > 0] / either[either > 0]).mean())


def _percent(interval: Interval | None) -> Interval | None:
    return None if interval is None else (100 * max(interval[0], 0.0), 100 * min(interval[1], 1.0))

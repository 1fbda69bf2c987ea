"""One row of the robustness table: counted over the clips that have a subset, compared with the full set clip by clip.

All rates are in percent, 0–100, all differences in percentage points, negative = worse. Shapes: n clips, K classes.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

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
        delta: top1 minus the full set's top1 on the `paired` clips; None for the full set itself and "as recorded".
        delta_interval: 95 % interval of delta on the same clips, clustered by subject where subjects are known.
        mean_class: Mean over the classes (that occur) of the class's own top-1, percent.
        macro_f1: Mean F1 over the classes that occur as label or as prediction, percent.
        specialist: Top-1 of the model trained on this subset alone, where given.
        stands_for: Of how many subsets of its size this one is a random sample; 1 = of itself alone, 0 = of none: it
            was not drawn, others stand for it.
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
    stands_for: float = 1.0

    @property
    def size(self) -> int:
        """Number of modalities of the subset."""
        return self.subset.count("+") + 1

    @property
    def gap(self) -> float | None:
        """top1 minus the specialist's, in points."""
        return None if self.top1 is None or self.specialist is None else self.top1 - self.specialist


def count_rows(scores: SubsetScores, subsets: Sequence[Subset]) -> tuple[list[TableRow], TableRow]:
    """Count the clips that have all of each subset, and as one further row every clip with whatever exists for it."""
    known = np.array(scores.subjects) != ""
    # Numbers instead of names; a clip of an unknown subject has none.
    clusters = np.where(known, np.unique(scores.subjects, return_inverse=True)[1], -1)
    full = scores.predicted(scores.full)
    rows = []
    for subset in subsets:
        name, counted = format_subset(subset, scores.modalities), scores.has(subset)
        if not counted.any():
            rows.append(TableRow(subset=name, n=0, correct=0))
            continue
        row = _count(name, scores, scores.logits[subset], counted, clusters)
        both = counted & (full >= 0)
        if subset != scores.full and both.any():
            right = scores.predicted(subset)[both] == scores.labels[both]
            row = _compare(row, right, full[both] == scores.labels[both], clusters[both])
        rows.append(dataclasses.replace(row, paired=int(both.sum())))
    logits = scores.recorded()
    counted = ~np.isnan(logits).any(axis=1)
    if not counted.any():
        return rows, TableRow(subset=RECORDED, n=0, correct=0)
    return rows, _count(RECORDED, scores, logits, counted, clusters)


def _count(
    name: str,
    scores: SubsetScores,
    logits: Float32[np.ndarray, "n K"],
    counted: Bool[np.ndarray, " n"],
    clusters: Int64[np.ndarray, " n"],
) -> TableRow:
    """One row over the clips `counted`, of which there is at least one."""
    labels, chosen, subjects = scores.labels[counted], logits[counted], clusters[counted]
    predicted = chosen.argmax(axis=1)
    right: np.ndarray = predicted == labels
    own = np.take_along_axis(chosen, labels[:, None], axis=1)
    # Of equal logits the first class ranks higher, as in argmax.
    rank = ((chosen > own) | ((chosen == own) & (np.arange(chosen.shape[1]) < labels[:, None]))).sum(axis=1)
    by_subject = cluster_interval(right.astype(np.float64), subjects) if (subjects >= 0).all() else None
    mean_class, macro_f1 = _by_class(predicted, labels)
    return TableRow(
        subset=name,
        n=len(labels),
        correct=int(right.sum()),
        top1=100 * float(right.mean()),
        top5=100 * float((rank < 5).mean()),
        interval=_percent(wilson_interval(int(right.sum()), len(right))),
        subject_interval=_percent(by_subject),
        mean_class=100 * mean_class,
        macro_f1=100 * macro_f1,
    )


def _compare(
    row: TableRow, right: Bool[np.ndarray, " n"], full: Bool[np.ndarray, " n"], clusters: Int64[np.ndarray, " n"]
) -> TableRow:
    """The row with Δ: who is right under the subset, and under the full set, of the clips that have both."""
    change = right.astype(np.float64) - full
    interval = cluster_interval(change, clusters if (clusters >= 0).all() else np.arange(len(change)))
    return dataclasses.replace(
        row,
        delta=100 * float(change.mean()),
        delta_interval=None if interval is None else (100 * interval[0], 100 * interval[1]),
    )


def _by_class(predicted: Int64[np.ndarray, " n"], labels: Int64[np.ndarray, " n"]) -> tuple[float, float]:
    """Mean of the classes' own top-1 (of those that occur), and mean F1 (of those that occur or are predicted)."""
    size = int(max(predicted.max(), labels.max())) + 1
    hits, clips, chosen = (np.bincount(at, minlength=size) for at in (labels[predicted == labels], labels, predicted))
    mean_class = (hits[clips > 0] / clips[clips > 0]).mean()
    either = clips + chosen
    return float(mean_class), float((2 * hits[either > 0] / either[either > 0]).mean())


def _percent(interval: Interval | None) -> Interval | None:
    return None if interval is None else (100 * max(interval[0], 0.0), 100 * min(interval[1], 1.0))

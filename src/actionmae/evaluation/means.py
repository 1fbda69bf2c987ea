"""Means over the subsets of a table: exact if all subsets were scored, estimates with an interval if a sample was.

All numbers are in percent or percentage points.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from actionmae.evaluation.intervals import Z_95, Interval
from actionmae.evaluation.rows import TableRow

Number = Callable[[TableRow], float | None]


@dataclass(frozen=True, kw_only=True)
class SubsetMean:
    """A mean over subsets, each of which counts the same.

    Attributes:
        value: The mean, or of a sample of the subsets its estimate; None if no subset has a number.
        interval: 95 % interval of an estimate: where the mean over all subsets is to be expected. None if nothing was
            estimated, or from too few subsets to tell.
        scored: How many subsets have a number.
        total: How many there are.
    """

    value: float | None
    interval: Interval | None
    scored: int
    total: int


@dataclass(frozen=True, kw_only=True)
class SizeGroup:
    """All subsets of one number of sensors.

    Attributes:
        size: How many sensors are there.
        top1: Mean top-1.
        delta: Mean Δ.
        best: The row with the highest top-1 of those scored; None if none was.
        worst: The one with the lowest.
    """

    size: int
    top1: SubsetMean
    delta: SubsetMean
    best: TableRow | None
    worst: TableRow | None


def mean_over(rows: Sequence[TableRow], number: Number) -> SubsetMean:
    """Mean over the rows that have the number.

    A row of a random sample counts for as many subsets as it stands for, so that the mean is that of stratified
    sampling (by size), and the interval follows from its variance (Cochran, Sampling Techniques, 3rd ed., § 5.3–5.4).
    The subsets that `plan_subsets` draws are balanced, so that the interval is wider than need be.
    """
    given = [(row, value) for row in rows if (value := number(row)) is not None]
    total = round(sum(row.stands_for for row in rows))
    if not given:
        return SubsetMean(value=None, interval=None, scored=0, total=total)
    values, weights = np.array([value for _, value in given]), np.array([row.stands_for for row, _ in given])
    sizes = np.array([row.size for row, _ in given])
    variance = 0.0
    for size in set(sizes[weights > 1].tolist()):
        stratum = sizes == size
        variance += weights[stratum].sum() ** 2 * sample_variance(values[stratum], float(weights[stratum].sum()))
    value, half = float(values @ weights / weights.sum()), Z_95 * math.sqrt(variance) / float(weights.sum())
    return SubsetMean(
        value=value,
        interval=(value - half, value + half) if (weights > 1).any() and math.isfinite(half) else None,
        scored=len(given),
        total=total,
    )


def sample_variance(values: np.ndarray, population: float) -> float:
    """Variance of the mean of a sample drawn without replacement from `population` values (Cochran, § 2.5)."""
    if len(values) >= population:
        return 0.0
    return float(values.var(ddof=1)) / len(values) * (1 - len(values) / population) if len(values) > 1 else math.nan


def by_size(rows: Sequence[TableRow]) -> list[SizeGroup]:
    """The rows in groups, most sensors first."""
    groups = []
    for size in sorted({row.size for row in rows}, reverse=True):
        members = [row for row in rows if row.size == size]
        scored = sorted((row for row in members if row.top1 is not None), key=lambda row: row.top1 or 0.0)
        groups.append(
            SizeGroup(
                size=size,
                top1=mean_over(members, lambda row: row.top1),
                delta=mean_over(members, lambda row: row.delta),
                best=scored[-1] if scored else None,
                worst=scored[0] if scored else None,
            )
        )
    return groups

"""What a report compares: candidates, each of which is one run or several seeds of one method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from actionmae.evaluation.calibration import Reliability
from actionmae.evaluation.faults import FaultRow
from actionmae.evaluation.frame_loss_curve import FrameLossCurve
from actionmae.evaluation.intervals import Interval
from actionmae.evaluation.rows import TableRow
from actionmae.evaluation.scores import SubsetScores
from actionmae.evaluation.table import RobustnessTable


@dataclass(frozen=True, kw_only=True)
class ReportRun:
    """One scored model.

    Attributes:
        name: Unique in the report.
        table: Its robustness table.
        scores: What the table was counted from.
        frame_loss: Curves of accuracy against lost frames, at most one of each kind.
        faults: What a broken sensor costs.
        reliability: How far the confidence of each subset's answers can be believed.
        provenance: What a reader needs to get the same numbers: command, machine, date, seed, …
        group: Runs of one group are seeds of one method and are shown as mean ± spread; None = on its own.
    """

    name: str
    table: RobustnessTable
    scores: SubsetScores
    frame_loss: Sequence[FrameLossCurve] = ()
    faults: Sequence[FaultRow] = ()
    reliability: Sequence[Reliability] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stat:
    """A number of a candidate.

    Attributes:
        mean: Over the runs.
        spread: Standard deviation over the runs (n − 1); None for a single run.
        low: End of the whisker: of the 95 % interval for a single run where there is one, else the lowest run.
        high: Likewise.
    """

    mean: float
    spread: float | None
    low: float
    high: float

    def show(self, number: Callable[[float | None], str]) -> str:
        """For example "87.8" or "87.8 ±0.4"."""
        return number(self.mean) + ("" if self.spread is None else f" ±{self.spread:.1f}")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One column of the report.

    Attributes:
        name: The run's, or the group's.
        runs: At least one.
        slot: Its place in the report, which gives its colour.
    """

    name: str
    runs: tuple[ReportRun, ...]
    slot: int

    @property
    def first(self) -> ReportRun:
        """The run that stands for the candidate where means make no sense."""
        return self.runs[0]

    @cached_property
    def subsets(self) -> list[str]:
        """Names of the subsets of its table, full set first; made once, as many sensors have hundreds."""
        return [row.subset for row in self.first.table.rows]

    @property
    def full(self) -> str:
        """Name of the full set."""
        return self.subsets[0]

    @cached_property
    def scored(self) -> set[str]:
        """Names of the subsets of which every run has a top-1."""
        return {subset for subset in self.subsets if self.top1(subset) is not None}

    def over(
        self,
        value: Callable[[ReportRun], float | None],
        interval: Callable[[ReportRun], Interval | None] = lambda run: None,
    ) -> Stat | None:
        """A number of every run as one `Stat`; None if one run lacks it.

        Args:
            value: The number.
            interval: Its 95 % interval, which is the whisker of a single run.
        """
        given = [number for number in map(value, self.runs) if number is not None]
        if len(given) < len(self.runs):
            return None
        if len(given) == 1:
            low, high = interval(self.first) or (given[0], given[0])
            return Stat(mean=given[0], spread=None, low=low, high=high)
        return Stat(mean=float(np.mean(given)), spread=float(np.std(given, ddof=1)), low=min(given), high=max(given))

    def row(self, subset: str, value: Callable[[TableRow], float | None]) -> Stat | None:
        """A number of one subset's row; None if the candidate has no such row or it is n/a."""
        return self.over(lambda run: value(run.table[subset])) if self._has(subset) else None

    def top1(self, subset: str) -> Stat | None:
        """Top-1 of a subset in percent; None as for `row`."""
        if not self._has(subset):
            return None
        # The interval clustered by subject, where it exists, is the one that holds for new people.
        return self.over(
            lambda run: run.table[subset].top1,
            lambda run: run.table[subset].subject_interval or run.table[subset].interval,
        )

    def on_complete_clips(self, subset: str) -> Stat | None:
        """Top-1 of a subset in percent on just the clips that have all sensors: comparable with the full set's."""
        if subset == self.full:
            return self.top1(subset)
        return self.over(lambda run: _sum(run.table.rows[0].top1, run.table[subset].delta))

    def missing(self) -> Stat | None:
        """Mean top-1 of the scored incomplete subsets in percent, on just the clips that have all sensors."""
        return self.over(lambda run: _sum(run.table.rows[0].top1, run.table.mean_delta))

    def _has(self, subset: str) -> bool:
        return subset in self.subsets or subset == self.first.table.recorded.subset


def group_runs(runs: Sequence[ReportRun]) -> list[Candidate]:
    """Join the runs of each group; candidates in the order of their first run.

    Raises:
        ValueError: If there is no run, two have the same name, a run has the name of a group of others, or runs of a
            group differ in modalities, classes or the subsets that were scored.
    """
    if not runs:
        raise ValueError("a report needs at least one run: give one with its scores")
    names = [run.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two runs are named {name!r}: each needs its own name (seeds share a group instead)")
    members: dict[tuple[str, str], list[ReportRun]] = {}
    for run in runs:
        members.setdefault(("run", run.name) if run.group is None else ("group", run.group), []).append(run)
    shown = [name for _, name in members]
    for name, group in zip(shown, members.values(), strict=True):
        if shown.count(name) > 1:
            raise ValueError(f"{name!r} names a run and a group of others: rename one of them")
        _check_group(name, group)
    return [Candidate(name=name, runs=tuple(group), slot=at) for at, ((_, name), group) in enumerate(members.items())]


def _check_group(name: str, runs: Sequence[ReportRun]) -> None:
    for run in runs[1:]:
        for what in ("modalities", "classes", "subsets"):
            if getattr(run.scores, what) != getattr(runs[0].scores, what):
                raise ValueError(
                    f"runs {runs[0].name!r} and {run.name!r} of group {name!r} differ in their {what}: "
                    "group only seeds of one method on one data set"
                )


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b

"""What a report compares: runs, and entries, which are runs or several seeds of one method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

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
        provenance: What a reader needs to get the same numbers: command, machine, date, seed, …
        group: Runs of one group are seeds of one method and are shown as mean ± spread; None = on its own.
    """

    name: str
    table: RobustnessTable
    scores: SubsetScores
    frame_loss: Sequence[FrameLossCurve] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stat:
    """A number of an entry.

    Attributes:
        mean: Over the runs.
        spread: Standard deviation over the runs (n − 1); None for a single run.
        low: End of the whisker: of the 95 % interval for a single run, else the lowest run.
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
class Entry:
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
        """The run that stands for the entry where means make no sense."""
        return self.runs[0]

    @property
    def subsets(self) -> list[str]:
        """Names of the subsets, full set first."""
        return [row.subset for row in self.first.table.rows]

    def over(self, value: Callable[[ReportRun], float | None]) -> Stat | None:
        """A number of every run as one `Stat`; None if one run lacks it."""
        given = [number for number in map(value, self.runs) if number is not None]
        if len(given) < len(self.runs):
            return None
        spread = float(np.std(given, ddof=1)) if len(given) > 1 else None
        return Stat(mean=float(np.mean(given)), spread=spread, low=min(given), high=max(given))

    def row(self, subset: str, value: Callable[[TableRow], float | None]) -> Stat | None:
        """A number of one subset's row; None if the entry has no such row or it is n/a."""
        if subset not in [*self.subsets, self.first.table.recorded.subset]:
            return None
        return self.over(lambda run: value(run.table[subset]))

    def top1(self, subset: str) -> Stat | None:
        """Top-1 of a subset in percent; the whisker of a single run is its 95 % interval."""
        stat = self.row(subset, lambda row: row.top1)
        interval = _widest(self.first.table[subset]) if stat and len(self.runs) == 1 else None
        if stat is None or interval is None:
            return stat
        return Stat(mean=stat.mean, spread=None, low=interval[0], high=interval[1])


def group_runs(runs: Sequence[ReportRun]) -> list[Entry]:
    """Join the runs of each group; entries in the order of their first run.

    Raises:
        ValueError: If there is no run, two have the same name, a run has the name of a group of others, or runs of a
            group differ in modalities or classes.
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
    return [Entry(name=name, runs=tuple(group), slot=at) for at, ((_, name), group) in enumerate(members.items())]


def _check_group(name: str, runs: Sequence[ReportRun]) -> None:
    for run in runs[1:]:
        for what in ("modalities", "classes"):
            if getattr(run.scores, what) != getattr(runs[0].scores, what):
                raise ValueError(
                    f"runs {runs[0].name!r} and {run.name!r} of group {name!r} differ in their {what}: "
                    "group only seeds of one method on one data set"
                )


def subset_names(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Letters and modality names of every subset of any entry, those of the entry with most modalities first."""
    found: dict[str, str] = {}
    for entry in sorted(entries, key=lambda entry: -len(entry.subsets)):
        known = {spec.letter: spec.name for spec in entry.first.scores.modalities}
        for subset in entry.subsets:
            found.setdefault(subset, " + ".join(known[letter] for letter in subset.split("+")))
    return sorted(found.items(), key=lambda item: -item[0].count("+"))


def _widest(row: TableRow) -> Interval | None:
    """The interval clustered by subject where it exists: it is the one that holds for new people."""
    return row.subject_interval or row.interval

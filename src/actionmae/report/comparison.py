"""Candidates side by side, like with like: the table of all subsets, and who is ranked over which of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from actionmae.evaluation.means import Number, mean_over
from actionmae.evaluation.rows import RECORDED
from actionmae.report.candidates import Candidate, ReportRun, Stat

# From this many sensors on (15 subsets) the page sums up by number of sensors before it lists every subset.
_LONG = 4


@dataclass(frozen=True)
class Comparison:
    """What the HTML page and the Markdown say about several candidates.

    Attributes:
        candidates: At least one.
    """

    candidates: Sequence[Candidate]

    @cached_property
    def widest(self) -> Candidate:
        """The candidate with the most scored subsets, the first of several."""
        return max(self.candidates, key=lambda candidate: (len(candidate.scored), len(candidate.subsets)))

    @cached_property
    def subsets(self) -> dict[str, str]:
        """By name the sensors in words, of every subset of any candidate, most sensors first."""
        found: dict[str, str] = {}
        for candidate in (self.widest, *self.candidates):
            known = {spec.letter: spec.name for spec in candidate.first.scores.modalities}
            for subset in candidate.subsets:
                found.setdefault(subset, " + ".join(known[letter] for letter in subset.split("+")))
        return dict(sorted(found.items(), key=lambda item: -item[0].count("+")))

    @property
    def sizes(self) -> dict[int, list[str]]:
        """The subsets by number of sensors, most first."""
        sizes: dict[int, list[str]] = {}
        for subset in self.subsets:
            sizes.setdefault(subset.count("+") + 1, []).append(subset)
        return sizes

    @property
    def long(self) -> bool:
        """Whether there are too many subsets to see them at a glance."""
        return max(self.sizes) >= _LONG

    @cached_property
    def ranked(self) -> list[Candidate]:
        """Those that predict from all that `widest` does, by their mean top-1 over its incomplete subsets, best first.

        A mean over other subsets, or over other clips, would compare unlike things.
        """
        clips = self.widest.first.scores.sample_ids
        able = [
            candidate
            for candidate in self.candidates
            if candidate.scored >= self.widest.scored and all(run.scores.sample_ids == clips for run in candidate.runs)
        ]
        means = [(mean.mean, candidate) for candidate in able if (mean := self.mean(candidate))]
        return [candidate for _, candidate in sorted(means, key=lambda item: -item[0])]

    def mean(self, candidate: Candidate, number: Number = lambda row: row.top1, *, full: bool = False) -> Stat | None:
        """A candidate's mean over the subsets that `widest` predicts from; None if it has not all of them.

        Args:
            candidate: Whose.
            number: Of what; top-1 in percent by default.
            full: Include the full set.
        """
        names = self.widest.scored - (set() if full else {self.widest.full})
        if not names <= candidate.scored:
            return None
        return candidate.over(lambda run: mean_over([run.table[name] for name in sorted(names)], number).value)

    def cells(self, subset: str) -> list["Cell"]:
        """One row of the table: a cell for each candidate."""
        found = [
            (candidate.top1(subset), candidate.row(subset, lambda row: row.delta)) for candidate in self.candidates
        ]
        best = max((round(top1.mean, 1) for top1, _ in found if top1), default=0.0)
        return [
            Cell(
                there=subset in candidate.subsets or subset == RECORDED,
                top1=top1,
                delta=delta,
                leads=len(found) > 1 and top1 is not None and round(top1.mean, 1) == best,
            )
            for candidate, (top1, delta) in zip(self.candidates, found, strict=True)
        ]

    def spread(self, candidate: Candidate, size: int) -> "Spread":
        """A candidate's subsets of one number of sensors."""
        rows = [subset for subset in self.sizes[size] if subset in candidate.scored]

        def top1(run: ReportRun) -> list[float]:
            return [value for subset in rows if (value := run.table[subset].top1) is not None]

        return Spread(
            mean=candidate.over(lambda run: sum(top1(run)) / len(top1(run)) if rows else None),
            worst=candidate.over(lambda run: min(top1(run), default=None)),
            best=candidate.over(lambda run: max(top1(run), default=None)),
        )

    @property
    def partly_recorded(self) -> bool:
        """Whether some clip lacks a sensor, so that "as recorded" is more than the full set again."""
        runs = [run for candidate in self.candidates for run in candidate.runs]
        return any(run.table.recorded.n != run.table.rows[0].n for run in runs)

    @property
    def sampled(self) -> bool:
        """Whether some means are estimates."""
        return any(candidate.first.scores.sampled for candidate in self.candidates)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A candidate's numbers on one subset.

    Attributes:
        there: Whether the subset is one of the candidate's modalities at all.
        top1: Percent; None = n/a.
        delta: Points below or above the full set on the same clips; None for the full set, or n/a.
        leads: Whether nobody is better.
    """

    there: bool
    top1: Stat | None
    delta: Stat | None
    leads: bool


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean, lowest and highest top-1 of a candidate's scored subsets of one size, percent."""

    mean: Stat | None
    worst: Stat | None
    best: Stat | None

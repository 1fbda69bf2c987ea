"""The paper's claims as checks on results: a paired bootstrap over clips and seeds, 95 %: holds, fails, undecided."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actionmae.evaluation.compare import Difference, bootstrap_top1
from actionmae.evaluation.grids import points
from actionmae.evaluation.scores import SubsetScores

_SEED = 0
Draws = np.ndarray


@dataclass(frozen=True)
class Claim:
    """A statement about differences in percentage points.

    Attributes:
        table: Which table of tables.yaml it belongs to.
        text: In words.
        terms: "sign recipe modalities measure", as in "+ sum R+D+I full"; their sum is judged.
        more_than: The claim holds if the sum is above this number.
        less_than: Where given, it holds if the sum's size is below this number instead.
    """

    table: str
    text: str
    terms: Sequence[str]
    more_than: float = 0.0
    less_than: float | None = None

    @property
    def models(self) -> list[str]:
        """The models that it speaks of."""
        return list(dict.fromkeys(f"{recipe} {train}" for _, recipe, train, _ in map(str.split, self.terms)))

    def verdict(self, value: Difference) -> str:
        """holds, fails or undecided."""
        if self.less_than is not None:
            if -self.less_than < value.low and value.high < self.less_than:
                return "holds"
            return "fails" if value.low > self.less_than or value.high < -self.less_than else "undecided"
        if value.low > self.more_than:
            return "holds"
        return "fails" if value.high < self.more_than else "undecided"


def judge(
    claim: Claim, scores_of: Callable[[str], Sequence[SubsetScores]], subset: Callable[[str], str]
) -> tuple[str, str]:
    """The verdict on a claim, and the difference with its interval in words.

    Args:
        claim: The claim.
        scores_of: Scores of each seed of a model; may raise `NotRunError`.
        subset: From the paper's letters to the data's.
    """
    try:
        methods = {}
        for model in claim.models:
            runs = scores_of(model)
            if not runs:
                return "not run", "not trained yet"
            train = model.split()[1]
            wanted = dict.fromkeys(
                subset(part)
                for term in claim.terms
                if term.split()[1:3] == model.split()
                for part in _subsets(train, term.split()[3])
            )
            methods[model] = (runs, list(wanted))
        top1 = bootstrap_top1(methods, seed=_SEED)
    except ValueError as error:  # a NotRunError, or a subset that a method does not predict from
        return "not run", str(error)
    value = Difference.of(_total(claim.terms, top1, subset))
    seeds = min(len(runs) for runs, _ in methods.values())
    text = f"{points(value.mean)} [{points(value.low)}, {points(value.high)}], {seeds} seed{'s' * (seeds > 1)}"
    return claim.verdict(value), text


def _total(terms: Sequence[str], top1: Mapping[tuple[str, str], Draws], subset: Callable[[str], str]) -> Draws:
    signs = {"+": 1.0, "-": -1.0}
    parts = []
    for term in terms:
        sign, recipe, train, measure = term.split()

        def of(what: str, model: str = f"{recipe} {train}", train: str = train) -> Draws:
            return np.stack([top1[model, subset(part)] for part in _subsets(train, what)])

        if measure == "spread":
            value = np.ptp(of("singles"), axis=0)
        elif measure == "mean_delta":
            value = of("incomplete").mean(axis=0) - of("full")[0]
        else:
            value = of(measure).mean(axis=0)
        parts.append(signs[sign] * value)
    return np.asarray(np.sum(parts, axis=0))


def _subsets(train: str, measure: str) -> list[str]:
    """The test sets of a measure, by the paper's letters."""
    letters = train.split("+")
    by_size = {size: ["+".join(each) for each in itertools.combinations(letters, size)] for size in range(1, 9)}
    incomplete = [name for size in range(1, len(letters)) for name in by_size[size]]
    known = {
        "full": [train],
        "singles": by_size[1],
        "spread": by_size[1],
        "pairs": by_size[2],
        "incomplete": incomplete,
        "mean_delta": [train, *incomplete],
    }
    return known.get(measure, [measure])

"""What a report says in words and small tables: who holds up best, what each sensor is worth, which classes suffer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from actionmae.core.subsets import Subset, parse_subset
from actionmae.evaluation.grids import percent, points
from actionmae.evaluation.scores import SubsetScores
from actionmae.report.candidates import Candidate, Stat
from actionmae.report.comparison import Comparison

# A headline names the price of this many sensors, the dearest.
_PRICES = 3


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """What one sensor is worth to a candidate.

    Attributes:
        name: The modality.
        alone: Top-1 from this sensor alone, percent.
        lost: Change of top-1 from all sensors to all but this one, points.
        shapley: Points of top-1 that it adds, averaged over all ways to add it.
    """

    name: str
    alone: Stat | None
    lost: Stat | None
    shapley: Stat | None


def sensors(candidate: Candidate) -> list[Sensor]:
    """Every sensor of a candidate, in order."""
    return [_sensor(candidate, slot) for slot in range(len(candidate.first.scores.modalities))]


def _sensor(candidate: Candidate, slot: int) -> Sensor:
    modalities = candidate.first.scores.modalities
    rest = "+".join(letter for at, letter in enumerate(modalities.letters) if at != slot)
    return Sensor(
        name=modalities[slot].name,
        alone=candidate.top1(modalities[slot].letter),
        lost=candidate.row(rest, lambda row: row.delta),
        shapley=candidate.over(
            lambda run: run.table.sensors[slot].shapley, lambda run: run.table.sensors[slot].interval
        ),
    )


def verdict(comparison: Comparison) -> str:
    """Who holds up best with sensors missing, and whether that costs anything when all are there."""
    ranked = comparison.ranked
    if not ranked:
        return headline(comparison.widest)
    best, others = ranked[0], ranked[1:]
    if not others:
        rest = "no other model predicts from all of its subsets on the same clips, so nobody is ranked"
        return f"{headline(best)} In this report {rest}."
    first, second = (stat.mean for candidate in ranked[:2] if (stat := comparison.mean(candidate)))
    text = (
        f"With sensors missing, {best.name} holds up best: {first:.1f}\u00a0% right on average over "
        f"{_count(len(comparison.widest.scored) - 1)}, {first - second:.1f} points above {others[0].name}."
    )
    full = {candidate.name: stat.mean for candidate in ranked if (stat := candidate.top1(comparison.widest.full))}
    ahead = max(full, key=lambda name: full[name], default=best.name)
    if best.name in full and points(full[ahead] - full[best.name]) != "0.0":
        text += (
            f" With all sensors it is not the best: {ahead} is {full[ahead] - full[best.name]:.1f} points ahead "
            f"({percent(full[ahead])} against {percent(full[best.name])}\u00a0%)."
        )
    left = [candidate.name for candidate in comparison.candidates if candidate not in ranked]
    unlike = f" Not ranked, because scored on other subsets or clips: {', '.join(left)}." if left else ""
    return text + unlike


def headline(candidate: Candidate) -> str:
    """Accuracy with everything, the price of the dearest sensors, the worst subset, all on the same clips."""
    full = candidate.top1(candidate.full)
    if full is None:
        return "No clip has all modalities, so the price of a lost sensor is not measured."
    if len(candidate.subsets) == 1:
        return f"From {sensor_names(candidate, candidate.full)} {full.show(percent)}\u00a0% of the clips are right."
    n, clips = candidate.first.table.rows[0].n, candidate.first.table.num_clips
    which = "the clips" if n == clips else f"the {n} clips that have them all"
    start = f"With all sensors {full.show(percent)}\u00a0% of {which} are right."
    lost = sorted(((at.lost, at) for at in sensors(candidate) if at.lost), key=lambda pair: pair[0].mean)
    if not lost:
        return start
    prices = "; ".join(_price(candidate, sensor.name, stat) for stat, sensor in lost[:_PRICES])
    worst = worst_subset(candidate)
    least = candidate.on_complete_clips(worst)
    name = sensor_names(candidate, worst) + ("" if "+" in worst else " alone")
    same = "" if n == clips else " of them"
    end = "" if least is None else f" At worst, with {name}, {least.show(percent)}\u00a0%{same}."
    return f"{start} {prices[0].upper()}{prices[1:]}.{end}"


def worst_subset(candidate: Candidate, *, singles: bool = False) -> str:
    """The incomplete subset with the lowest top-1 on the clips that have all sensors; singles = only single sensors.

    If no clip has them all, the one with the lowest top-1 of its own clips; the last one if none is scored.
    """
    incomplete = candidate.subsets[1:] or candidate.subsets
    names = [name for name in incomplete if not singles or "+" not in name]
    for rate in (candidate.on_complete_clips, candidate.top1):
        scored = {name: stat.mean for name in names if (stat := rate(name)) is not None}
        if scored:
            return min(scored, key=lambda name: scored[name])
    return names[-1]


def sensor_names(candidate: Candidate, subset: str) -> str:
    """The modalities of a subset in words: "rgb and depth"."""
    modalities = candidate.first.scores.modalities
    names = [modalities[slot].name for slot in parse_subset(subset, modalities)]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


@dataclass(frozen=True, kw_only=True)
class ClassRate:
    """One class with all modalities and with one subset, on the clips that have all of them.

    Attributes:
        name: The class.
        n: Clips.
        full: Percent right with all modalities.
        subset: Percent right with the subset.
    """

    name: str
    n: int
    full: float
    subset: float


def class_rates(scores: SubsetScores, subset: Subset) -> list[ClassRate]:
    """Per class, greatest loss first; classes without clips are left out."""
    rows = scores.has(scores.full) & scores.has(subset)
    labels = scores.labels[rows]
    full, part = (scores.predicted(which)[rows] == labels for which in (scores.full, subset))
    rates = [
        ClassRate(
            name=scores.classes[label],
            n=int((labels == label).sum()),
            full=100 * float(full[labels == label].mean()),
            subset=100 * float(part[labels == label].mean()),
        )
        for label in np.unique(labels)
    ]
    return sorted(rates, key=lambda rate: (rate.subset - rate.full, rate.name))


def confusion(scores: SubsetScores, subset: Subset) -> Int64[np.ndarray, "K K"]:
    """Counts [label, prediction] over the clips that have all of the subset."""
    size = len(scores.classes)
    predicted = scores.predicted(subset)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (scores.labels[predicted >= 0], predicted[predicted >= 0]), 1)
    return counts


def most_confused(
    counts: Int64[np.ndarray, "K K"], classes: Sequence[str], most: int = 5
) -> list[tuple[str, str, int, int]]:
    """The largest off-diagonal counts: (label, taken for, how often, of how many clips of the label)."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(at), len(classes)) for at in order]
    return [(classes[a], classes[b], int(wrong[a, b]), int(counts[a].sum())) for a, b in pairs if wrong[a, b]]


def _count(subsets: int) -> str:
    return "the incomplete subsets" if subsets == 1 else f"the {subsets} incomplete subsets"


def _price(candidate: Candidate, name: str, lost: Stat) -> str:
    """In words, "losing depth costs 5.4 points", and whether the data can tell it from nothing."""
    size = points(abs(lost.mean)).lstrip("+")
    if size == "0.0":
        return f"losing {name} changes nothing"
    verb = "costs" if lost.mean < 0 else "gains"
    return f"losing {name} {verb} {size} points" + ("" if _certain(candidate, name) else " (uncertain)")


def _certain(candidate: Candidate, name: str) -> bool:
    """Whether the sign of a price is clear: every seed agrees, and for a single run the interval excludes 0."""
    rest = "+".join(spec.letter for spec in candidate.first.scores.modalities if spec.name != name)
    rows = [run.table[rest] for run in candidate.runs]
    if len(rows) == 1:
        interval = rows[0].delta_interval
        return interval is not None and (interval[0] > 0 or interval[1] < 0)
    return len({np.sign(row.delta) for row in rows if row.delta is not None}) == 1

"""What a report says about one model: the price of each sensor, a headline, the classes that suffer, confusions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Int64

from actionmae.core.subsets import Subset, format_subset, parse_subset
from actionmae.evaluation.grids import percent, points
from actionmae.evaluation.rows import TableRow
from actionmae.evaluation.scores import SubsetScores
from actionmae.report.entries import Entry, ReportRun, Stat


@dataclass(frozen=True, kw_only=True)
class SensorCost:
    """What it means to lose one sensor, in points of top-1 (negative = loss).

    Attributes:
        name: The modality.
        alone: From the full set to the full set without it.
        average: Mean over all subsets that have it and another one, paired on the clips that have the subset.
    """

    name: str
    alone: Stat | None
    average: Stat | None


def sensor_costs(entry: Entry) -> list[SensorCost]:
    """The price of each sensor, dearest first (by `alone`); empty for a model of one modality."""
    modalities = entry.first.scores.modalities
    if len(modalities) < 2:
        return []
    costs = []
    for slot, name in enumerate(modalities.names):
        rest = format_subset(tuple(at for at in range(len(modalities)) if at != slot), modalities)
        costs.append(
            SensorCost(
                name=name,
                alone=entry.row(rest, lambda row: row.delta),
                average=entry.over(partial(_average_cost, slot=slot)),
            )
        )
    return sorted(costs, key=lambda cost: 0.0 if cost.alone is None else cost.alone.mean)


def headline(entry: Entry) -> str:
    """One or two plain sentences: accuracy with everything, the price of each sensor, the worst subset."""
    full, alone = entry.top1(entry.subsets[0]), [cost for cost in sensor_costs(entry) if cost.alone is not None]
    if full is None:
        return "No clip has all modalities, so the price of a lost sensor is not measured."
    if len(entry.subsets) == 1:
        return f"From {sensor_names(entry, entry.subsets[0])} {full.show(percent)}\u00a0% of the clips are right."
    start = f"With all sensors {full.show(percent)}\u00a0% of the clips are right."
    if not alone:
        return start
    prices = "; ".join(_price(entry, cost) for cost in alone)
    worst = worst_subset(entry)
    least = entry.top1(worst)
    name = sensor_names(entry, worst) + ("" if "+" in worst else " alone")
    end = "" if least is None else f" At worst, with {name}, {least.show(percent)}\u00a0%."
    return f"{start} {prices[0].upper()}{prices[1:]}.{end}"


def mean_incomplete(entry: Entry) -> Stat | None:
    """Mean top-1 over the incomplete subsets, percent; None if one is n/a or there is none."""
    return entry.over(lambda run: run.table.mean_incomplete_top1)


def leaders(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that have every subset of the report, by mean top-1 over the incomplete ones, best first."""
    widest = max(len(entry.subsets) for entry in entries)
    means = [
        (stat.mean, entry) for entry in entries if (stat := mean_incomplete(entry)) and len(entry.subsets) == widest
    ]
    return [entry for _, entry in sorted(means, key=lambda item: -item[0])]


def worst_subset(entry: Entry, *, singles: bool = False) -> str:
    """The subset with the lowest top-1 (the last one if none is scored); singles = only single sensors."""
    names = [name for name in entry.subsets if not singles or "+" not in name]
    scored = {name: stat.mean for name in names if (stat := entry.top1(name)) is not None}
    return min(scored, key=lambda name: scored[name]) if scored else names[-1]


def sensor_names(entry: Entry, subset: str) -> str:
    """The modalities of a subset in words: "rgb and depth"."""
    modalities = entry.first.scores.modalities
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
    full, part = (scores.logits[which][rows].argmax(axis=1) == labels for which in (scores.full, subset))
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
    rows = scores.has(subset)
    counts = np.zeros((size, size), dtype=np.int64)
    if rows.any():
        np.add.at(counts, (scores.labels[rows], scores.logits[subset][rows].argmax(axis=1)), 1)
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


def _average_cost(run: ReportRun, *, slot: int) -> float | None:
    scores = run.scores
    differences: list[float] = []
    for subset in scores.subsets:
        rest = tuple(at for at in subset if at != slot)
        rows = scores.has(subset)
        if slot not in subset or not rest or rest not in scores.logits or not rows.any():
            continue
        differences.append(_rate(scores, rest, rows) - _rate(scores, subset, rows))
    return float(np.mean(differences)) if differences else None


def _rate(scores: SubsetScores, subset: Subset, rows: Bool[np.ndarray, " n"]) -> float:
    return 100 * float((scores.logits[subset][rows].argmax(axis=1) == scores.labels[rows]).mean())


def _price(entry: Entry, cost: SensorCost) -> str:
    """In words, "losing depth costs 5.4 points", and whether the data can tell it from nothing."""
    assert cost.alone is not None
    size = abs(cost.alone.mean)
    verb = "costs" if cost.alone.mean <= 0 else "gains"
    text = (
        f"losing {cost.name} {verb} {size:.1f} points"
        if points(size) != "0.0"
        else f"losing {cost.name} changes nothing"
    )
    return text + ("" if _certain(entry, cost) or points(size) == "0.0" else " (uncertain)")


def _certain(entry: Entry, cost: SensorCost) -> bool:
    """Whether the sign of a cost is clear: every seed agrees, and for a single run the interval excludes 0."""
    modalities = entry.first.scores.modalities
    rest = format_subset(tuple(at for at in range(len(modalities)) if modalities[at].name != cost.name), modalities)
    rows: list[TableRow] = [run.table[rest] for run in entry.runs]
    if len(rows) == 1:
        interval = rows[0].delta_interval
        return interval is not None and (interval[0] > 0 or interval[1] < 0)
    signs = {np.sign(row.delta) for row in rows if row.delta is not None}
    return len(signs) == 1

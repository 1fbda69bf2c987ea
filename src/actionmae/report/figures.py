"""What the charts show, from candidates to numbers; templates/charts.html draws them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actionmae.core.subsets import parse_subset
from actionmae.evaluation.grids import NOT_SCORED, percent, points
from actionmae.report.candidates import Candidate, Stat
from actionmae.report.comparison import Comparison
from actionmae.report.findings import Sensor, confusion, most_confused, sensor_names, sensors, worst_subset

COLOURS = 8
"""How many colours report.css knows: s0 … s7."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: its colour (a candidate's slot), whose it is, length and whisker (None = n/a), the printed number."""

    slot: int
    name: str
    stat: Stat | None
    label: str


BarGroup = tuple[str, str, Sequence[Bar]]
"""A bold name, a muted explanation, and the bars below them."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: its colour, its points (x, percent, tooltip), and whether it is the lesser of two of one colour."""

    slot: int
    points: Sequence[tuple[float, float, str]]
    dashed: bool = False


def subset_bars(comparison: Comparison) -> list[BarGroup]:
    """The paper's Figure 2: top-1 of every candidate on every subset."""
    return [
        (subset, names, [_bar(at, at.top1(subset), percent) for at in comparison.candidates if subset in at.subsets])
        for subset, names in comparison.subsets.items()
    ]


def size_lines(comparison: Comparison) -> list[Line]:
    """Best and worst subset of k sensors, against k."""
    lines = []
    for candidate in comparison.candidates:
        spreads = {size: comparison.spread(candidate, size) for size in sorted(comparison.sizes)}
        for word in ("best", "worst"):
            spots = [
                (float(size), stat.mean, f"{candidate.name}: {stat.mean:.1f} % with the {word} {size} sensors")
                for size, spread in spreads.items()
                if (stat := getattr(spread, word))
            ]
            lines.append(Line(slot=candidate.slot, points=spots, dashed=word == "worst"))
    return lines


def whiskers(candidates: Sequence[Candidate]) -> str:
    """What the whiskers of bars mean."""
    single = [candidate.first.table.rows[0] for candidate in candidates if len(candidate.runs) == 1]
    parts = []
    if single:
        clustered = any(row.subject_interval for row in single)
        parts.append("95 % interval" + (", clustered by subject where known" if clustered else " (Wilson)"))
    if len(single) < len(candidates):
        parts.append("lowest and highest seed where there are several")
    return "Whiskers: " + "; ".join(parts) + "."


@dataclass(frozen=True, kw_only=True)
class SensorTable:
    """What each sensor is worth, the most valuable first.

    Attributes:
        candidates: Those with at least two sensors.
        rows: By sensor, of each candidate; None where it lacks the sensor.
        bars: Shapley values.
        top: End of their axis; None if nobody has any.
    """

    candidates: Sequence[Candidate]
    rows: dict[str, list[Sensor | None]]
    bars: list[BarGroup]
    top: float | None


def sensor_table(comparison: Comparison) -> SensorTable | None:
    """None if no candidate has two sensors."""
    shown = [candidate for candidate in comparison.candidates if len(candidate.first.scores.modalities) > 1]
    if not shown:
        return None
    found = [{sensor.name: sensor for sensor in sensors(candidate)} for candidate in shown]
    rows = {name: [known.get(name) for known in found] for known in found for name in known}
    values = {name: [sensor.shapley if sensor else None for sensor in row] for name, row in rows.items()}

    def worth(name: str) -> float:
        given = [stat.mean for stat in values[name] if stat]
        return sum(given) / len(given) if given else float("-inf")

    order = sorted(rows, key=worth, reverse=True)
    ends = [stat.high for stats in values.values() for stat in stats if stat]
    return SensorTable(
        candidates=shown,
        rows={name: rows[name] for name in order},
        bars=[(name, "", [_bar(*pair, points) for pair in zip(shown, values[name], strict=True)]) for name in order],
        # A multiple of 20, so that the axis has whole numbers at its quarters.
        top=20.0 * max(1, -(-max(ends) // 20)) if ends else None,
    )


def _bar(candidate: Candidate, stat: Stat | None, number: Callable[[float | None], str]) -> Bar:
    label = NOT_SCORED if stat is None else stat.show(number)
    return Bar(slot=candidate.slot, name=candidate.name, stat=stat, label=label)


def frame_loss_lines(comparison: Comparison) -> dict[str, list[Line]]:
    """By heading, accuracy against lost frames, for each kind of loss that somebody measured."""
    charts = {}
    for kind, heading in (("frames", "Single frames lost at random"), ("spans", "Sensor dies before the end")):
        lines = []
        for candidate in comparison.candidates:
            curves = [curve for run in candidate.runs for curve in run.frame_loss if curve.kind == kind]
            if curves and all(curve.fractions == curves[0].fractions for curve in curves):
                mean = [sum(values) / len(curves) for values in zip(*(curve.top1 for curve in curves), strict=True)]
                spots = [
                    (100 * lost, value, f"{candidate.name}: {value:.1f} % right with {100 * lost:.0f} % lost")
                    for lost, value in zip(curves[0].fractions, mean, strict=True)
                ]
                lines.append(Line(slot=candidate.slot, points=spots))
        if lines:
            charts[heading] = lines
    return charts


def fault_lines(candidate: Candidate) -> dict[str, list[Line]]:
    """By sensor, accuracy against how badly it is broken, one line for each fault in the colours of `fault_names`.

    Severity 0 is the recording as it is. What the health check makes of it is in the run's faults.csv.
    """
    rows, charts = candidate.first.faults, {}
    for sensor in dict.fromkeys(row.sensor for row in rows):
        own = [row for row in rows if row.sensor == sensor]
        whole = [row for row in own if row.fault == "none"]
        lines = []
        for slot, fault in enumerate(fault_names(candidate)):
            found = [row for row in own if row.fault == fault]
            spots = [
                (float(row.severity), row.top1, f"{fault} {row.level}: {row.top1:.1f} %") for row in (*whole, *found)
            ]
            lines += [Line(slot=slot, points=spots, dashed=slot >= COLOURS)] if found else []
        charts[sensor] = lines
    return charts


def fault_names(candidate: Candidate) -> list[str]:
    """The faults that were measured."""
    return list(dict.fromkeys(row.fault for row in candidate.first.faults if row.severity))


def reliability_lines(comparison: Comparison) -> dict[str, list[Line]]:
    """By subset (all sensors, and each alone), accuracy against calibrated confidence in percent."""
    charts: dict[str, list[Line]] = {}
    for candidate in comparison.candidates:
        for found in candidate.first.reliability:
            if found.subset == candidate.full or "+" not in found.subset:
                spots = [
                    (100 * sure, 100 * right, f"{candidate.name}: {100 * right:.1f} % of {n} clips right")
                    for n, sure, right in found.bins
                ]
                charts.setdefault(found.subset, []).append(Line(slot=candidate.slot, points=spots))
    return {subset: charts[subset] for subset in comparison.subsets if subset in charts}


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """A confusion matrix of one subset.

    Attributes:
        names: Its sensors in words.
        counts: By label, then by prediction.
        mistakes: The most frequent ones in words.
    """

    names: str
    counts: list[list[int]]
    mistakes: Sequence[str]


def confusions(candidate: Candidate) -> list[Confusion]:
    """With all sensors and with the worst single one, where there are clips."""
    scores, found = candidate.first.scores, []
    for subset in dict.fromkeys([candidate.full, worst_subset(candidate, singles=True)]):
        counts = confusion(scores, parse_subset(subset, scores.modalities))
        if counts.any():
            names = sensor_names(candidate, subset) + ("" if "+" in subset else " alone")
            pairs = most_confused(counts, scores.classes)
            mistakes = [f"{_isolated(a)} → {_isolated(b)}: {count} of {total}" for a, b, count, total in pairs]
            found.append(Confusion(names=names, counts=counts.tolist(), mistakes=mistakes))
    return found


def _isolated(name: str) -> str:
    """A name that may be written from right to left, between Unicode's marks that keep the words around it in place."""
    return f"\u2068{name}\u2069"

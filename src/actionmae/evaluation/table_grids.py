"""What a robustness table prints: its rows, the same by number of sensors, what each sensor is worth, and the means."""

from collections.abc import Callable, Sequence

from actionmae.evaluation.grids import NOT_SCORED, Grid, percent, percent_range, points, signed_range
from actionmae.evaluation.means import Number, SubsetMean, by_size, mean_over
from actionmae.evaluation.rows import RECORDED, TableRow
from actionmae.evaluation.shapley import SensorValue

_Column = tuple[str, Callable[[TableRow], str]]

# From this many sensors on (15 subsets) the rows are also summed up by number of sensors.
_LONG = 4


def row_grid(rows: Sequence[TableRow], recorded: TableRow, num_classes: int) -> Grid:
    """Every subset, then "as recorded"; columns without any value are left out."""
    columns = _columns(rows, num_classes)
    sizes = [row.size for row in rows]
    breaks = [at for at in range(1, len(rows)) if sizes[at] != sizes[at - 1] and sizes[0] >= _LONG]
    return Grid(
        header=[title for title, _ in columns],
        rows=[[cell(row) for _, cell in columns] for row in (*rows, recorded)],
        rules=[*breaks, len(rows)],
    )


def size_grid(rows: Sequence[TableRow]) -> Grid | None:
    """Mean, best and worst subset of each number of sensors; None for a table that is short without it."""
    if rows[0].size < _LONG:
        return None
    groups = by_size(rows)
    sampled = any(row.stands_for > 1 for row in rows)
    header = ["sensors", "subsets", "mean top-1", *(["95 %"] if sampled else []), "mean Δ", "best", "worst"]
    cells = []
    for group in groups:
        scored, total = group.top1.scored, group.top1.total
        count = f"{scored}" if scored == total else f"{scored} of {total:,}"
        spread = [_estimate(group.top1, percent_range)] if sampled else []
        delta = "" if group.size == rows[0].size else points(group.delta.value)
        ends = (f"{row.subset} {percent(row.top1)}" if row else NOT_SCORED for row in (group.best, group.worst))
        cells.append([str(group.size), count, percent(group.top1.value), *spread, delta, *ends])
    return Grid(header=header, rows=cells)


def sensor_grid(sensors: Sequence[SensorValue], rows: Sequence[TableRow]) -> Grid:
    """What every letter means, and what its sensor brings: alone, when it is lost, and on average (Shapley)."""
    by_name = {row.subset: row for row in rows}
    letters = [sensor.letter for sensor in sensors]
    cells = []
    for sensor in sensors:
        rest = by_name.get("+".join(letter for letter in letters if letter != sensor.letter))
        value = [points(sensor.shapley), signed_range(sensor.interval)]
        alone, lost = percent(by_name[sensor.letter].top1), points(rest.delta if rest else None)
        cells.append([f"{sensor.letter} = {sensor.name}", alone, *([lost, *value] if len(sensors) > 1 else [])])
    return Grid(header=["sensor", "alone", "Δ without it", "Shapley", "95 %"][: len(cells[0])], rows=cells)


def summary(rows: Sequence[TableRow]) -> str:
    """One line with mean Δ and mean top-1, and of how many subsets they are means."""
    delta, top1 = mean_over(rows[1:], lambda row: row.delta), mean_over(rows, lambda row: row.top1)
    sampled = any(row.stands_for > 1 for row in rows)
    parts = [
        f"mean Δ {points(delta.value)} points{_estimate(delta, signed_range, ' ({})')}{_of(delta, sampled)}",
        f"mean top-1 {percent(top1.value)} %{_estimate(top1, percent_range, ' ({})')}{_of(top1, sampled)}",
    ]
    return " · ".join(parts if len(rows) > 1 else parts[1:])


def _of(mean: SubsetMean, sampled: bool) -> str:
    """Of which subsets a number is the mean."""
    if sampled:
        return f", estimated from {mean.scored:,} of {mean.total:,} subsets"
    return f" of {'all' if mean.scored == mean.total else f'{mean.scored} of'} {mean.total} subsets"


def _estimate(mean: SubsetMean, show: Callable[[tuple[float, float]], str], form: str = "{}") -> str:
    return "" if mean.interval is None else form.format(show(mean.interval))


def _columns(rows: Sequence[TableRow], num_classes: int) -> list[_Column]:
    full = rows[0].subset
    columns: list[tuple[str, Callable[[TableRow], str], bool]] = [
        ("subset", lambda row: row.subset, True),
        ("n", lambda row: str(row.n), True),
        ("top-1", lambda row: percent(row.top1), True),
        ("95 %", lambda row: percent_range(row.interval), True),
        ("by subject", lambda row: percent_range(row.subject_interval), any(row.subject_interval for row in rows)),
        (f"top-{min(5, num_classes)}", lambda row: percent(row.top5), True),
        ("Δ", lambda row: "" if row.subset in (full, RECORDED) else points(row.delta), len(rows) > 1),
        ("mean class", lambda row: percent(row.mean_class), True),
        ("macro F1", lambda row: percent(row.macro_f1), True),
        ("specialist", lambda row: _given(row, percent, lambda row: row.specialist), _any_specialist(rows)),
        ("gap", lambda row: _given(row, points, lambda row: row.gap), _any_specialist(rows)),
    ]
    return [(title, cell) for title, cell, shown in columns if shown]


def _any_specialist(rows: Sequence[TableRow]) -> bool:
    return any(row.specialist is not None for row in rows)


def _given(row: TableRow, show: Callable[[float | None], str], number: Number) -> str:
    """Empty without a specialist: no number is missing there."""
    return "" if row.specialist is None else show(number(row))

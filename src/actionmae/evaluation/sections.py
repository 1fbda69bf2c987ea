"""The report's sections on robustness: cards, the chart of the paper's Figure 2, tables, sensors, frame loss."""

from collections.abc import Callable, Sequence

from actionmae.evaluation.charts import Bar, Line, bar_chart, legend, line_chart
from actionmae.evaluation.entries import Entry, Stat, subset_names
from actionmae.evaluation.findings import headline, sensor_costs, sensor_names, worst_subset
from actionmae.evaluation.grids import NOT_SCORED, percent, points
from actionmae.evaluation.markup import Html, join, tag
from actionmae.evaluation.rows import RECORDED

Cell = Html | str


def html_table(
    header: Sequence[Cell], rows: Sequence[Sequence[Cell]], *, caption: str | None = None, above: Html | None = None
) -> Html:
    """A table, scrollable on narrow screens. The first cell heads its row; a cell that is a `td` already stays so."""

    def cell(value: Cell) -> Html:
        return value if isinstance(value, Html) and value.startswith("<td") else tag("td", value)

    head = tag("thead", above, tag("tr", *(tag("th", title, scope="col") for title in header)))
    body = tag("tbody", *(tag("tr", tag("th", row[0], scope="row"), *map(cell, row[1:])) for row in rows))
    title = None if caption is None else tag("caption", caption)
    return tag("div", tag("table", title, head, body, class_="wide"), class_="scroll")


def section(title: str, *body: object, note: str | None = None) -> Html:
    """A heading, one sentence on how to read what follows, and the content."""
    return tag("section", tag("h2", title), None if note is None else tag("p", note, class_="note"), *body)


def verdict(entries: Sequence[Entry]) -> str:
    """One sentence: which entry holds up best."""
    means = [(stat.mean, entry) for entry in entries if (stat := mean_incomplete(entry)) is not None]
    if len(entries) < 2 or len(means) < 2:
        return headline(entries[0])
    (best, entry), (second, other) = sorted(means, key=lambda item: -item[0])[:2]
    return (
        f"With sensors missing, {entry.name} holds up best: {best:.1f} % right on average over all incomplete "
        f"subsets, {best - second:.1f} points above {other.name}."
    )


def mean_incomplete(entry: Entry) -> Stat | None:
    """Mean top-1 over the incomplete subsets, percent."""
    return entry.over(lambda run: run.table.mean_incomplete_top1)


def cards(entries: Sequence[Entry]) -> Html:
    """Three numbers and the headline of every entry."""

    def number(title: str, stat: Stat | None, under: str | None = None) -> Html:
        shown = NOT_SCORED if stat is None else f"{stat.mean:.1f} %"
        spread = None if stat is None or stat.spread is None else f"±{stat.spread:.1f}"
        small = " · ".join(part for part in (spread, under) if part)
        return tag("div", tag("dt", title), tag("dd", shown, tag("small", small) if small else None))

    def card(entry: Entry) -> Html:
        numbers = [number("All sensors", entry.top1(entry.subsets[0]))]
        if len(entry.subsets) > 1:
            worst = worst_subset(entry)
            numbers.append(number("Some missing, mean", mean_incomplete(entry)))
            numbers.append(number("Worst", entry.top1(worst), sensor_names(entry, worst)))
        seeds = f" · {len(entry.runs)} seeds" if len(entry.runs) > 1 else ""
        title = tag("h3", entry.name, tag("span", seeds, class_="muted"))
        return tag("div", title, tag("dl", *numbers), tag("p", headline(entry)), class_=f"card s{entry.slot % 8}")

    return tag("div", *map(card, entries), class_="cards")


def subset_chart(entries: Sequence[Entry]) -> Html:
    """The paper's Figure 2: top-1 of every entry on every subset."""

    def bar(entry: Entry, subset: str) -> Bar:
        stat = entry.top1(subset)
        if stat is None:
            return Bar(slot=entry.slot, name=entry.name, value=None, label=NOT_SCORED)
        label = stat.show(percent)
        return Bar(slot=entry.slot, name=entry.name, value=stat.mean, low=stat.low, high=stat.high, label=label)

    groups = [
        (subset, names, [bar(entry, subset) for entry in entries if subset in entry.subsets])
        for subset, names in subset_names(entries)
    ]
    chance = 100 / entries[0].first.table.num_classes
    chart = bar_chart(
        groups, title="Top-1 in percent by subset of sensors", top=100, mark=(chance, f"chance {chance:.1f} %")
    )
    caption = "Top-1, percent. " + _whiskers(entries) + f" Dotted: chance, {chance:.1f} %."
    return tag("figure", legend([entry.name for entry in entries]), chart, tag("figcaption", caption))


def _whiskers(entries: Sequence[Entry]) -> str:
    single = [entry.first.table.rows[0] for entry in entries if len(entry.runs) == 1]
    parts = []
    if single:
        clustered = any(row.subject_interval for row in single)
        parts.append("95 % interval" + (", clustered by subject where known" if clustered else " (Wilson)"))
    if len(single) < len(entries):
        parts.append("lowest and highest seed where an entry has several")
    return "Whiskers: " + "; ".join(parts) + "."


def comparison(entries: Sequence[Entry]) -> Html:
    """All entries side by side: top-1 and Δ per subset, the best of each row in bold."""
    subsets = [name for name, _ in subset_names(entries)]
    if any(row.n != run.table.rows[0].n for entry in entries for run in entry.runs for row in [run.table.recorded]):
        subsets.append(RECORDED)
    rows = [(subset, [_pair(entry, subset) for entry in entries]) for subset in subsets]
    incomplete = (
        "mean, incomplete",
        [(mean_incomplete(entry), entry.over(lambda run: run.table.mean_delta)) for entry in entries],
    )
    everything = ("mean, all subsets", [(entry.over(lambda run: run.table.mean_top1), None) for entry in entries])
    body = [_comparison_row(name, pairs) for name, pairs in rows]
    if len(subsets) > 1:
        body += [_comparison_row(name, pairs, total=True) for name, pairs in (incomplete, everything)]
    top = tag("tr", tag("td"), *(tag("th", entry.name, scope="colgroup", colspan=2) for entry in entries))
    titles = [tag("th", "subset", scope="col")]
    for _ in entries:
        titles += [tag("th", "top-1", scope="col"), tag("th", "Δ", scope="col")]
    table = tag("table", tag("thead", top, tag("tr", *titles)), tag("tbody", *body), class_="wide")
    return tag("div", table, class_="scroll")


def _pair(entry: Entry, subset: str) -> tuple[Stat | None, Stat | None]:
    return entry.top1(subset), entry.row(subset, lambda row: row.delta)


def _comparison_row(name: str, pairs: Sequence[tuple[Stat | None, Stat | None]], *, total: bool = False) -> Html:
    best = max((round(stat.mean, 1) for stat, _ in pairs if stat is not None), default=None)
    cells = [tag("th", name, scope="row")]
    for stat, delta in pairs:
        leads = len(pairs) > 1 and stat is not None and round(stat.mean, 1) == best
        cells.append(tag("td", _show(stat, percent), class_="best" if leads else None))
        cells.append(tag("td", "" if delta is None else delta.show(points), class_="change"))
    return tag("tr", *cells, class_="total" if total else None)


def _show(stat: Stat | None, number: Callable[[float | None], str]) -> str:
    return NOT_SCORED if stat is None else stat.show(number)


def full_tables(entries: Sequence[Entry]) -> Html:
    """The complete robustness table of every run, folded."""
    parts = []
    for entry in entries:
        for run in entry.runs:
            table = html_table(run.table.header(), run.table.cells())
            title = run.name if run.name == entry.name else f"{entry.name} · {run.name}"
            body = tag("p", run.table.summary(), class_="note")
            parts.append(tag("details", tag("summary", title), table, body, open=len(entries) == 1 == len(entry.runs)))
    return join(parts)


def sensors(entries: Sequence[Entry]) -> Html | None:
    """What each lost sensor costs; None if no entry has two sensors."""
    found = {entry.name: {cost.name: cost for cost in sensor_costs(entry)} for entry in entries}
    names = list(dict.fromkeys(name for costs in found.values() for name in costs))
    if not names:
        return None
    shown = [entry for entry in entries if found[entry.name]]
    costs = [found[entry.name].get(name) for entry in shown for name in names]
    losses = [-stat.mean for cost in costs if cost for stat in (cost.average,) if stat]
    top = max(10.0, 10 * -(-max(losses, default=0.0) // 10))

    def bar(entry: Entry, name: str) -> Bar:
        cost = found[entry.name].get(name)
        stat = None if cost is None else cost.average
        label = NOT_SCORED if stat is None else stat.show(points)
        return Bar(slot=entry.slot, name=entry.name, value=None if stat is None else -stat.mean, label=label)

    groups = [
        (name, "lost, mean over all subsets that had it", [bar(entry, name) for entry in shown]) for name in names
    ]
    chart = bar_chart(groups, title="Points of top-1 lost with each sensor", top=top)
    rows: list[list[Cell]] = []
    for name in names:
        cells: list[Cell] = [name]
        for entry in shown:
            cost = found[entry.name].get(name)
            cells += [_show(stat, points) for stat in ((cost.alone, cost.average) if cost else (None, None))]
        rows.append(cells)
    above = tag("tr", tag("td"), *(tag("th", entry.name, scope="colgroup", colspan=2) for entry in shown))
    header = ["sensor lost", *["it alone", "on average"] * len(shown)]
    table = html_table(header, rows, above=above)
    return join([tag("figure", legend_of(entries), chart), table])


def legend_of(entries: Sequence[Entry]) -> Html | None:
    """The legend of all entries."""
    return legend([entry.name for entry in entries])


def frame_loss(entries: Sequence[Entry]) -> Html | None:
    """Accuracy against lost frames, a chart for each kind of loss; None if nobody measured it."""
    titles = {"frames": "Single frames lost at random", "spans": "Sensor dies before the end"}
    figures = []
    for kind, title in titles.items():
        lines = []
        for entry in entries:
            curves = [curve for run in entry.runs for curve in run.frame_loss if curve.kind == kind]
            if curves and all(curve.shares == curves[0].shares for curve in curves):
                mean = [sum(values) / len(curves) for values in zip(*(curve.top1 for curve in curves), strict=True)]
                spots = [(100 * share, value) for share, value in zip(curves[0].shares, mean, strict=True)]
                lines.append(Line(slot=entry.slot, name=entry.name, points=spots))
        if lines:
            chart = line_chart(lines, title=f"{title}: top-1 against the share of frames lost")
            caption = tag(
                "figcaption", "Top-1 (percent, upwards) against the share of frames lost (percent, to the right)."
            )
            figures.append(tag("figure", tag("h3", title), chart, caption))
    return join([legend_of(entries), tag("div", *figures, class_="pair")]) if figures else None

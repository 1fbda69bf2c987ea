"""The report's sections on robustness: cards, the chart of the paper's Figure 2, tables, sensors, frame loss."""

from collections.abc import Callable, Sequence

from actionmae.evaluation.grids import NOT_SCORED, percent, points
from actionmae.evaluation.rows import RECORDED
from actionmae.report.charts import Bar, Line, bar_chart, legend, line_chart
from actionmae.report.entries import Entry, Stat, subset_names
from actionmae.report.findings import headline, leaders, mean_incomplete, sensor_costs, sensor_names, worst_subset
from actionmae.report.markup import Html, join, tag

Cell = Html | str


def html_table(
    header: Sequence[Cell], rows: Sequence[Sequence[Cell]], *, caption: str | None = None, above: Html | None = None
) -> Html:
    """A table, scrollable on narrow screens. The first cell heads its row; what is a `td` or `th` already stays so."""

    def cell(value: Cell) -> Html:
        return value if isinstance(value, Html) and value.startswith("<td") else tag("td", value)

    def title_cell(value: Cell) -> Html:
        return value if isinstance(value, Html) and value.startswith("<th") else tag("th", value, scope="col")

    head = tag("thead", above, tag("tr", *map(title_cell, header)))
    body = tag("tbody", *(tag("tr", tag("th", row[0], scope="row"), *map(cell, row[1:])) for row in rows))
    title = None if caption is None else tag("caption", caption)
    return tag("div", tag("table", title, head, body, class_="wide" if above is None else "grouped"), class_="scroll")


def section(title: str, *body: object, note: str | None = None) -> Html:
    """A heading, one sentence on how to read what follows, and the content."""
    return tag("section", tag("h2", title), None if note is None else tag("p", note, class_="note"), *body)


def verdict(entries: Sequence[Entry]) -> str:
    """One sentence: which entry holds up best."""
    ranked = leaders(entries)
    if len(ranked) < 2:
        return headline(ranked[0] if ranked else entries[0])
    best, second = (stat.mean for entry in ranked[:2] if (stat := mean_incomplete(entry)))
    return (
        f"With sensors missing, {ranked[0].name} holds up best: {best:.1f}\u00a0% right on average over all incomplete "
        f"subsets, {best - second:.1f} points above {ranked[1].name}."
    )


def cards(entries: Sequence[Entry]) -> Html:
    """Three numbers and the headline of every entry."""

    def number(title: str, stat: Stat | None, under: str | None = None) -> Html:
        shown = NOT_SCORED if stat is None else f"{stat.mean:.1f} %"
        spread = None if stat is None or stat.spread is None else f"±{stat.spread:.1f}"
        small = " · ".join(part for part in (spread, under) if part)
        return tag("div", tag("dt", title), tag("dd", shown, tag("small", small) if small else None))

    def card(entry: Entry) -> Html:
        several = len(entry.subsets) > 1
        every = "All sensors" if several else sensor_names(entry, entry.subsets[0])
        numbers = [number(every, entry.top1(entry.subsets[0]))]
        if several:
            worst = worst_subset(entry)
            numbers.append(number("Some missing", mean_incomplete(entry), "mean"))
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
        groups, title="Top-1 in percent by subset of sensors", top=100.0, mark=(chance, f"chance {chance:.1f} %")
    )
    caption = "Top-1, percent. " + _whiskers(entries) + f" Dotted: chance, {chance:.1f} %."
    return tag("figure", _legend(entries), chart, tag("figcaption", caption))


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
    body = [_comparison_row(subset, [_pair(entry, subset) for entry in entries]) for subset in subsets]
    # A mean over other subsets than the neighbour's would compare unlike things.
    whole = [len(entry.subsets) == max(len(other.subsets) for other in entries) for entry in entries]
    if any(len(entry.subsets) > 1 for entry in entries):
        means = [(mean_incomplete(entry), entry.over(lambda run: run.table.mean_delta)) for entry in entries]
        totals = [(entry.over(lambda run: run.table.mean_top1), None) for entry in entries]
        for name, pairs in (("mean, incomplete", means), ("mean, all subsets", totals)):
            shown = [pair if there else None for pair, there in zip(pairs, whole, strict=True)]
            body.append(_comparison_row(name, shown, total=True))
    top = tag("tr", tag("td"), *(tag("th", entry.name, scope="colgroup", colspan=2) for entry in entries))
    titles = [tag("th", "subset", scope="col")]
    for _ in entries:
        titles += [tag("th", "top-1", scope="col"), tag("th", "Δ", scope="col")]
    table = tag("table", tag("thead", top, tag("tr", *titles)), tag("tbody", *body), class_="grouped")
    return tag("div", table, class_="scroll")


_Pair = tuple[Stat | None, Stat | None]


def _pair(entry: Entry, subset: str) -> _Pair | None:
    """Top-1 and Δ; None for a subset that is not one of this entry's modalities at all."""
    if subset not in [*entry.subsets, RECORDED]:
        return None
    return entry.top1(subset), entry.row(subset, lambda row: row.delta)


def _comparison_row(name: str, pairs: Sequence[_Pair | None], *, total: bool = False) -> Html:
    rates = [round(pair[0].mean, 1) for pair in pairs if pair and pair[0]]
    cells = [tag("th", name, scope="row")]
    for pair in pairs:
        stat, delta = pair or (None, None)
        leads = len(pairs) > 1 and stat is not None and round(stat.mean, 1) == max(rates)
        cells.append(tag("td", "" if pair is None else _show(stat, percent), class_="best" if leads else None))
        cells.append(tag("td", "" if delta is None else delta.show(points), class_="change"))
    return tag("tr", *cells, class_="total" if total else None)


def _show(stat: Stat | None, number: Callable[[float | None], str]) -> str:
    return NOT_SCORED if stat is None else stat.show(number)


def full_tables(entries: Sequence[Entry]) -> Html:
    """The complete robustness table of every run, folded."""
    parts = []
    for entry in entries:
        body: list[Html] = []
        for run in entry.runs:
            body += [tag("h3", run.name)] if len(entry.runs) > 1 else []
            body += [html_table(grid.header, grid.rows) for grid in run.table.grids()]
            body += [tag("p", run.table.summary(), class_="note")]
        alone = len(entries) == 1 == len(entry.runs)
        parts.append(tag("details", tag("summary", f"{entry.name}: all columns"), *body, open=alone))
    return join(parts)


def sensors(entries: Sequence[Entry]) -> Html | None:
    """What each lost sensor costs; None if no entry has two sensors."""
    costs = {entry.slot: {cost.name: cost for cost in sensor_costs(entry)} for entry in entries}
    shown = [entry for entry in entries if costs[entry.slot]]
    if not shown:
        return None
    average = {
        name: [costs[entry.slot][name].average if name in costs[entry.slot] else None for entry in shown]
        for entry in shown
        for name in costs[entry.slot]
    }
    means = {name: [stat.mean for stat in stats if stat] or [0.0] for name, stats in average.items()}
    names = sorted(means, key=lambda name: sum(means[name]) / len(means[name]))
    groups = [
        (name, "", [_loss_bar(entry, stat) for entry, stat in zip(shown, average[name], strict=True)]) for name in names
    ]
    # A multiple of 20, so that the axis has whole numbers at its quarters.
    top = 20.0 * max(1, -(min(min(values) for values in means.values()) // 20))
    rows: list[list[Cell]] = []
    for name in names:
        pairs = [costs[entry.slot].get(name) for entry in shown]
        cells = [
            _show(stat, points) for cost in pairs for stat in ((cost.alone, cost.average) if cost else (None, None))
        ]
        rows.append([name, *cells])
    above = tag("tr", tag("td"), *(tag("th", entry.name, scope="colgroup", colspan=2) for entry in shown))
    chart = bar_chart(groups, title="Points of top-1 lost with each sensor", top=top)
    caption = "Points of top-1 lost with the sensor, mean over all subsets that had it and another one."
    figure = tag("figure", _legend(shown), chart, tag("figcaption", caption))
    return join([figure, html_table(["sensor lost", *["it alone", "on average"] * len(shown)], rows, above=above)])


def _loss_bar(entry: Entry, stat: Stat | None) -> Bar:
    value = None if stat is None else -stat.mean
    return Bar(slot=entry.slot, name=entry.name, value=value, label=_show(stat, points))


def _legend(entries: Sequence[Entry]) -> Html | None:
    return legend([(entry.slot, entry.name) for entry in entries])


def frame_loss(entries: Sequence[Entry]) -> Html | None:
    """Accuracy against lost frames, a chart for each kind of loss; None if nobody measured it."""
    titles = {"frames": "Single frames lost at random", "spans": "Sensor dies before the end"}
    figures = []
    for kind, title in titles.items():
        lines = []
        for entry in entries:
            curves = [curve for run in entry.runs for curve in run.frame_loss if curve.kind == kind]
            if curves and all(curve.fractions == curves[0].fractions for curve in curves):
                mean = [sum(values) / len(curves) for values in zip(*(curve.top1 for curve in curves), strict=True)]
                spots = [(100 * share, value) for share, value in zip(curves[0].fractions, mean, strict=True)]
                lines.append(Line(slot=entry.slot, name=entry.name, points=spots))
        if lines:
            chart = line_chart(lines, title=f"{title}: top-1 against the share of frames lost")
            caption = tag(
                "figcaption", "Top-1 (percent, upwards) against the share of frames lost (percent, to the right)."
            )
            figures.append(tag("figure", tag("h3", title), chart, caption))
    if not figures:
        return None
    measured = [entry for entry in entries if any(run.frame_loss for run in entry.runs)]
    return join([_legend(measured), tag("div", *figures, class_="pair")])

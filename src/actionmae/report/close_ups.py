"""The report's sections on single classes, confusions, sample frames and where the numbers come from."""

import base64
from collections.abc import Sequence

from actionmae.core.subsets import parse_subset
from actionmae.evaluation.grids import percent, points
from actionmae.report.charts import dumbbell, heat_map
from actionmae.report.entries import Entry
from actionmae.report.findings import class_rates, confusion, most_confused, sensor_names, worst_subset
from actionmae.report.markup import Html, join, tag
from actionmae.report.sections import html_table, section

_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_CLASSES_SHOWN = 15


def classes(entry: Entry, *, open_: bool) -> Html:
    """Every class with all sensors and with the worst single one, greatest loss first."""
    run = entry.first
    worst = worst_subset(entry, singles=True)
    rates = class_rates(run.scores, parse_subset(worst, run.scores.modalities))
    if not rates:
        return tag("p", f"{entry.name}: no clip has all sensors.", class_="note")
    plot = tag("span", "0 – 100 %", class_="muted")
    header: list[Html | str] = ["class", "clips", "all sensors", f"{sensor_names(entry, worst)} alone", "Δ", plot]
    rows: list[list[Html | str]] = [
        [
            rate.name,
            str(rate.n),
            percent(rate.full),
            percent(rate.subset),
            points(rate.subset - rate.full),
            tag("td", dumbbell(rate.full, rate.subset, entry.slot), class_="plot"),
        ]
        for rate in rates
    ]
    body = [html_table(header, rows[:_CLASSES_SHOWN])]
    if len(rows) > _CLASSES_SHOWN:
        rest = html_table(header, rows[_CLASSES_SHOWN:])
        body.append(tag("details", tag("summary", f"The other {len(rows) - _CLASSES_SHOWN} classes"), rest))
    return _folded(entry, open_, *body)


def confusions(entry: Entry, *, open_: bool) -> Html:
    """Confusion matrices with all sensors and with the worst single one."""
    scores, figures = entry.first.scores, []
    for subset in dict.fromkeys([entry.subsets[0], worst_subset(entry, singles=True)]):
        counts = confusion(scores, parse_subset(subset, scores.modalities))
        if not counts.any():
            continue
        names = sensor_names(entry, subset) + ("" if "+" in subset else " alone")
        pairs = [
            tag("li", f"{label} → {other}: {count} of {total}")
            for label, other, count, total in most_confused(counts, scores.classes)
        ]
        picture = heat_map(counts, scores.classes, title=f"Confusion matrix of {entry.name} with {names}")
        often = join([tag("p", "Most often confused", class_="note"), tag("ol", *pairs)]) if pairs else None
        figures.append(tag("figure", tag("h3", f"With {names}"), tag("div", picture, class_="scroll"), often))
    return _folded(entry, open_, tag("div", *figures, class_="pair"))


def _folded(entry: Entry, open_: bool, *body: Html) -> Html:
    which = f" (run {entry.first.name})" if len(entry.runs) > 1 else ""
    return tag("details", tag("summary", entry.name + which), *body, open=open_)


def samples(frames: Sequence[tuple[str, bytes]]) -> Html | None:
    """Sample frames, embedded; None if there are none.

    Raises:
        ValueError: If one is neither PNG nor JPEG.
    """
    if not frames:
        return None
    figures = []
    for caption, data in frames:
        kind = next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None)
        if kind is None:
            raise ValueError(f"sample frame {caption!r} is neither PNG nor JPEG: encode it as one of them")
        source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        figures.append(tag("figure", tag("img", src=source, alt=caption), tag("figcaption", caption)))
    return section("Sample frames", tag("div", *figures, class_="frames"))


def provenance(entries: Sequence[Entry]) -> Html | None:
    """What all runs share, once, then what differs; None if nothing was given."""
    runs = [run for entry in entries for run in entry.runs if run.provenance]
    if not runs:
        return None
    keys = dict.fromkeys(key for run in runs for key in run.provenance)
    shared = {key for key in keys if len({str(run.provenance.get(key)) for run in runs}) == 1}
    rows: list[list[Html | str]] = [
        [key, tag("td", str(runs[0].provenance[key]), class_="text")] for key in keys if key in shared
    ]
    own = [key for key in keys if key not in shared]
    parts = [html_table(["all runs" if len(runs) > 1 else runs[0].name, _left("value")], rows)] if rows else []
    if own:
        cells = [
            [run.name, *(tag("td", str(run.provenance.get(key, "")), class_="text") for key in own)] for run in runs
        ]
        parts.append(html_table(["run", *map(_left, own)], cells))
    return section("Where these numbers come from", *parts)


def _left(title: str) -> Html:
    return tag("th", title, scope="col", class_="text")

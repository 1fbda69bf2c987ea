"""The report: a self-contained HTML page (no scripts, nothing loaded), and its tables as Markdown and CSV beside it."""

import csv
import io
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from actionmae.core.files import write_text
from actionmae.evaluation.grids import NOT_SCORED, markdown_grid, percent, points
from actionmae.report import close_ups, sections
from actionmae.report.entries import Entry, ReportRun, group_runs, subset_names
from actionmae.report.findings import headline, leaders, mean_incomplete, sensor_costs
from actionmae.report.markup import Html, tag


def write_report(
    out_html: Path,
    runs: Sequence[ReportRun],
    *,
    title: str = "Robustness report",
    samples: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Write `out_html`, and beside it the same name with .md and .csv.

    Args:
        out_html: Ends in .html; its folder is made.
        runs: What to compare, in order; runs of one `group` are shown as one entry with mean ± spread.
        title: Heading.
        samples: Sample frames: (caption, PNG or JPEG bytes).

    Raises:
        ValueError: If `out_html` does not end in .html, there is no run, names repeat, a group mixes models, or a
            sample is neither PNG nor JPEG.
    """
    if out_html.suffix != ".html":
        raise ValueError(f"the report is to be written to {out_html}: give a name that ends in .html")
    entries = group_runs(runs)
    if not out_html.exists():
        for suffix in (".md", ".csv"):
            if out_html.with_suffix(suffix).exists():
                raise ValueError(
                    f"{out_html.with_suffix(suffix)} exists and belongs to no report {out_html.name}: give the report "
                    "another name, it writes Markdown and CSV beside the page"
                )
    texts = {
        ".html": _page(entries, title, samples),
        ".md": _markdown(entries, title),
        ".csv": _csv(entries),
    }
    out_html.parent.mkdir(parents=True, exist_ok=True)
    for suffix, text in texts.items():
        path = out_html.with_suffix(suffix)
        write_text(path, text)


def _page(entries: Sequence[Entry], title: str, samples: Sequence[tuple[str, bytes]]) -> str:
    style = resources.files("actionmae.report").joinpath("report.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(style)),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", *_body(entries, title, samples)), lang="en") + "\n"


def _body(entries: Sequence[Entry], title: str, samples: Sequence[tuple[str, bytes]]) -> list[Html | None]:
    several = len(entries) > 1
    shown = next(iter(leaders(entries)), entries[0])
    costs, loss = sections.sensors(entries), sections.frame_loss(entries)
    return [
        tag(
            "header",
            tag("h1", title),
            tag("p", _facts(entries), class_="facts"),
            tag("p", sections.verdict(entries), class_="lead") if several else None,
        ),
        sections.cards(entries),
        sections.section("Every subset of the sensors", sections.subset_chart(entries)),
        sections.section(
            "Robustness table",
            sections.comparison(entries) if several or len(entries[0].runs) > 1 else None,
            sections.full_tables(entries),
            note="Each row counts the clips that have all of its sensors. Δ is top-1 minus that of all sensors on the "
            "same clips, in percentage points; negative is a loss.",
        ),
        None
        if costs is None
        else sections.section(
            "What each lost sensor costs",
            costs,
            note="Change of top-1 in points when one sensor is lost: it alone, from all sensors; on average, over all "
            "subsets that had it and another one.",
        ),
        None
        if loss is None
        else sections.section("Lost frames", loss, note="All sensors are there, but part of their frames is not."),
        sections.section(
            "Classes",
            *(close_ups.classes(entry, open_=entry is shown) for entry in entries),
            note="All sensors (hollow) against the worst single sensor (filled), greatest loss first, on the clips "
            "that have all sensors.",
        ),
        sections.section(
            "Confusions",
            *(close_ups.confusions(entry, open_=entry is shown) for entry in entries),
            note="Rows are the true class, columns what it was taken for. Blue is right, red is wrong; the stronger, "
            "the more of the row.",
        ),
        close_ups.samples(samples),
        close_ups.provenance(entries),
        tag("footer", "Written by actionmae. The same numbers are in the Markdown and CSV files beside this page."),
    ]


def _facts(entries: Sequence[Entry]) -> str:
    scores = entries[0].first.scores
    subjects = {subject for subject in scores.subjects if subject}
    letters = ", ".join(f"{spec.letter} = {spec.name}" for spec in _widest(entries).first.scores.modalities)
    people = f" · {len(subjects)} subjects" if subjects else ""
    return f"{len(scores):,} clips · {len(scores.classes)} classes{people} · {letters}"


def _widest(entries: Sequence[Entry]) -> Entry:
    return max(entries, key=lambda entry: len(entry.subsets))


def _markdown(entries: Sequence[Entry], title: str) -> str:
    parts = [f"# {title}", _facts(entries)]
    if len(entries) > 1:
        subsets = [name for name, _ in subset_names(entries)]
        rows = [[subset, *(_cell(entry, subset) for entry in entries)] for subset in subsets]
        rows.append(["mean, incomplete", *(_mean_cell(entry) for entry in entries)])
        table = markdown_grid(["subset", *(entry.name for entry in entries)], rows)
        parts += [sections.verdict(entries), "## Top-1 by subset", table]
    parts.append("\n".join(f"- **{entry.name}**: {headline(entry)}" for entry in entries))
    for entry in entries:
        for run in entry.runs:
            parts += [f"## {run.name}", run.table.to_markdown().rstrip()]
            parts += ["\n".join(f"- {key}: {value}" for key, value in run.provenance.items())] if run.provenance else []
    costs = [
        [entry.name, cost.name, *(NOT_SCORED if at is None else at.show(points) for at in (cost.alone, cost.average))]
        for entry in entries
        for cost in sensor_costs(entry)
    ]
    if costs:
        parts += [
            "## What each lost sensor costs",
            markdown_grid(["model", "lost", "it alone", "on average"], costs),
        ]
    return "\n\n".join(parts) + "\n"


def _cell(entry: Entry, subset: str) -> str:
    stat = entry.top1(subset)
    return NOT_SCORED if stat is None else stat.show(percent)


def _mean_cell(entry: Entry) -> str:
    stat = mean_incomplete(entry)
    return NOT_SCORED if stat is None else stat.show(percent)


def _csv(entries: Sequence[Entry]) -> str:
    """Every row of every run's table, with the run and its group in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for entry in entries:
        for run in entry.runs:
            header, *rows = csv.reader(io.StringIO(run.table.to_csv()))
            if not out.tell():
                writer.writerow(["run", "group", *header])
            writer.writerows([run.name, run.group or "", *row] for row in rows)
    return out.getvalue()

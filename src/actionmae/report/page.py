"""The report: a self-contained HTML page (no scripts, nothing loaded), and its tables as Markdown and CSV beside it."""

import base64
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from actionmae.core.files import write_text
from actionmae.core.subsets import parse_subset
from actionmae.evaluation.grids import NOT_SCORED, Grid, percent, points
from actionmae.report import figures
from actionmae.report.candidates import Candidate, ReportRun, Stat, group_runs
from actionmae.report.comparison import Comparison
from actionmae.report.findings import class_rates, headline, sensor_names, verdict, worst_subset
from actionmae.report.tables import facts, report_csv, report_markdown

_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


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
        runs: What to compare, in order; runs of one `group` are shown as one candidate with mean ± spread.
        title: Heading.
        samples: Sample frames: (caption, PNG or JPEG bytes).

    Raises:
        ValueError: If `out_html` does not end in .html, a Markdown or CSV file of that name belongs to no report, there
            is no run, names repeat, a group mixes models, or a sample is neither PNG nor JPEG.
    """
    if out_html.suffix != ".html":
        raise ValueError(f"the report is to be written to {out_html}: give a name that ends in .html")
    comparison = Comparison(group_runs(runs))
    if not out_html.exists():
        for suffix in (".md", ".csv"):
            if out_html.with_suffix(suffix).exists():
                raise ValueError(
                    f"{out_html.with_suffix(suffix)} exists and belongs to no report {out_html.name}: give the report "
                    "another name, it writes Markdown and CSV beside the page"
                )
    texts = {
        ".html": _page(comparison, title, samples),
        ".md": report_markdown(comparison, title),
        ".csv": report_csv(comparison.candidates),
    }
    for suffix, text in texts.items():
        write_text(out_html.with_suffix(suffix), text)


def _page(comparison: Comparison, title: str, samples: Sequence[tuple[str, bytes]]) -> str:
    return templates().get_template("page.html").render(_content(comparison, title, samples))


def tables_page(title: str, facts: Sequence[str], sections: Sequence[tuple[str, Sequence[Grid]]]) -> str:
    """A self-contained HTML page of nothing but tables.

    Args:
        title: Heading.
        facts: What holds for all of them, one sentence each.
        sections: (heading, tables).
    """
    return templates().get_template("tables.html").render(title=title, facts=facts, sections=sections)


def templates() -> jinja2.Environment:
    """The report's templates: whatever is put into them is escaped."""
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("actionmae.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "percent": percent,
        "points": points,
        "rate": lambda stat: NOT_SCORED if stat is None else stat.show(percent),
        "change": lambda stat: NOT_SCORED if stat is None else stat.show(points),
        "slots": lambda candidates: [(candidate.slot, candidate.name) for candidate in candidates],
        "colour": lambda slot: f"s{slot % figures.COLOURS}",
        # The rest of the width holds the number behind the longest bar.
        "across": lambda value, top: f"{84 * min(max(value / top, 0), 1):.2f}%",
        "along": lambda value, ticks: f"{7 + 90 * (value - ticks[0]) / ((ticks[-1] - ticks[0]) or 1):.2f}%",
        "shorten": lambda name: name if len(name) <= 22 else name[:21] + "…",
        "letters": _letters,
    }
    return pages


def _content(comparison: Comparison, title: str, samples: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """What the template shows, by the names that it uses."""
    candidates = comparison.candidates
    return {
        "title": title,
        "facts": facts(comparison),
        "verdict": verdict(comparison) if len(candidates) > 1 else None,
        "comparison": comparison,
        "shown": next(iter(comparison.ranked), comparison.widest),
        "cards": [_card(candidate) for candidate in candidates],
        "chance": 100 / comparison.widest.first.table.num_classes,
        "whiskers": figures.whiskers(candidates),
        "subset_bars": figures.subset_bars(comparison),
        "size_lines": figures.size_lines(comparison),
        "means": _means(comparison),
        "sensor_table": figures.sensor_table(comparison),
        "frame_loss": figures.frame_loss_lines(comparison),
        "measured": [candidate for candidate in candidates if any(run.frame_loss for run in candidate.runs)],
        "faults": [(at, _fault_slots(at), figures.fault_lines(at)) for at in candidates if at.first.faults],
        "reliability": figures.reliability_lines(comparison),
        "classes": [_classes(candidate) for candidate in candidates],
        "confusions": [(candidate, figures.confusions(candidate)) for candidate in candidates],
        "samples": [(caption, _source(caption, data)) for caption, data in samples],
        "provenance": _provenance([run for candidate in candidates for run in candidate.runs if run.provenance]),
    }


def _letters(text: str) -> float:
    """Width of a text in Latin letters; those of East Asian scripts are about twice as wide."""
    return sum(1.8 if unicodedata.east_asian_width(letter) in "WF" else 1.0 for letter in text)


def _card(candidate: Candidate) -> dict[str, Any]:
    """Up to three numbers, all of them on the clips that have all sensors, and the headline."""
    full, several = candidate.full, len(candidate.subsets) > 1
    numbers = [("All sensors" if several else sensor_names(candidate, full), candidate.top1(full), "")]
    if several:
        worst = worst_subset(candidate)
        count = len(candidate.scored - {full})
        of = "mean" if count == len(candidate.subsets) - 1 else f"mean of {count} subsets"
        table = candidate.first.table
        of += f", same {table.rows[0].n} clips" if table.rows[0].n < table.num_clips else ""
        numbers.append(("Some missing", candidate.missing(), of))
        numbers.append(("Worst", candidate.on_complete_clips(worst), sensor_names(candidate, worst)))
    return {"candidate": candidate, "numbers": numbers, "headline": headline(candidate)}


def _means(comparison: Comparison) -> list[tuple[str, list[tuple[Stat | None, Stat | None, bool]]]]:
    """The rows of means: (name, for each candidate top-1, Δ, and whether nobody is better)."""
    rows = []
    for name, full in (("mean, incomplete", False), ("mean, all subsets", True)):
        top1 = [comparison.mean(candidate, full=full) for candidate in comparison.candidates]
        best = max((round(stat.mean, 1) for stat in top1 if stat), default=0.0)
        leads = [len(top1) > 1 and stat is not None and round(stat.mean, 1) == best for stat in top1]
        delta = [
            None if full else comparison.mean(candidate, lambda row: row.delta) for candidate in comparison.candidates
        ]
        rows.append((name, list(zip(top1, delta, leads, strict=True))))
    return rows


def _fault_slots(candidate: Candidate) -> list[tuple[int, str]]:
    names = enumerate(figures.fault_names(candidate))
    return [(slot, name + (" (dashed)" if slot >= figures.COLOURS else "")) for slot, name in names]


def _classes(candidate: Candidate) -> tuple[Candidate, str, Any]:
    """The candidate, its worst single sensor, and every class with all sensors and with that one."""
    worst, scores = worst_subset(candidate, singles=True), candidate.first.scores
    return candidate, sensor_names(candidate, worst), class_rates(scores, parse_subset(worst, scores.modalities))


def _source(caption: str, data: bytes) -> str:
    """An image as an address that holds it."""
    kind = next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None)
    if kind is None:
        raise ValueError(f"sample frame {caption!r} is neither PNG nor JPEG: encode it as one of them")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _provenance(runs: Sequence[ReportRun]) -> list[Grid]:
    """What all runs share, once, then what differs."""
    keys = dict.fromkeys(key for run in runs for key in run.provenance)
    shared = [key for key in keys if len({str(run.provenance.get(key)) for run in runs}) == 1]
    own = [key for key in keys if key not in shared]
    grids = []
    if shared:
        rows = [[key, str(runs[0].provenance[key])] for key in shared]
        grids.append(Grid(["all runs" if len(runs) > 1 else runs[0].name, "value"], rows))
    if own:
        rows = [[run.name, *(str(run.provenance.get(key, "")) for key in own)] for run in runs]
        grids.append(Grid(["run", *own], rows))
    return grids

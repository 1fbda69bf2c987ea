"""The report's tables as Markdown and CSV."""

import csv
import io
from collections.abc import Sequence

from actionmae.evaluation.grids import NOT_SCORED, markdown_grid, markdown_text, percent
from actionmae.report.candidates import Candidate, Stat
from actionmae.report.comparison import Comparison
from actionmae.report.findings import headline, verdict


def facts(comparison: Comparison) -> str:
    """How many clips, classes and subjects, and what the letters mean."""
    scores = comparison.widest.first.scores
    subjects = {subject for subject in scores.subjects if subject}
    letters = {
        spec.letter: spec.name for candidate in comparison.candidates for spec in candidate.first.scores.modalities
    }
    people = f" · {len(subjects)} subjects" if subjects else ""
    legend = ", ".join(f"{letter} = {name}" for letter, name in letters.items())
    return f"{len(scores):,} clips · {len(scores.classes)} classes{people} · {legend}"


def report_markdown(comparison: Comparison, title: str) -> str:
    """Verdict, all candidates side by side, and the complete table of every run."""
    candidates = comparison.candidates
    parts = [f"# {markdown_text(title)}", markdown_text(facts(comparison))]
    if len(candidates) > 1:
        rows = [[subset, *map(_cell, _top1(candidates, subset))] for subset in comparison.subsets]
        means = [comparison.mean(candidate) for candidate in candidates]
        rows.append(["mean, incomplete", *("" if stat is None else stat.show(percent) for stat in means)])
        names = [candidate.name for candidate in candidates]
        parts += [markdown_text(verdict(comparison)), "## Top-1 by subset", markdown_grid(["subset", *names], rows)]
        parts.append(
            f"The mean is over the same {len(comparison.widest.scored) - 1} incomplete subsets for everybody; "
            "who does not predict from all of them has none."
        )
    parts.append("\n".join(f"- **{markdown_text(at.name)}**: {markdown_text(headline(at))}" for at in candidates))
    for run in (run for candidate in candidates for run in candidate.runs):
        parts += [f"## {markdown_text(run.name)}", run.table.to_markdown().rstrip()]
        facts_of_run = [f"- {markdown_text(key)}: {markdown_text(value)}" for key, value in run.provenance.items()]
        parts += ["\n".join(facts_of_run)] if facts_of_run else []
    return "\n\n".join(parts) + "\n"


def report_csv(candidates: Sequence[Candidate]) -> str:
    """Every row of every run's table, with the run and its group in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for run in (run for candidate in candidates for run in candidate.runs):
        header, *rows = csv.reader(io.StringIO(run.table.to_csv()))
        if not out.tell():
            writer.writerow(["run", "group", *header])
        writer.writerows([run.name, run.group or "", *row] for row in rows)
    return out.getvalue()


def _top1(candidates: Sequence[Candidate], subset: str) -> list[tuple[bool, Stat | None]]:
    return [(subset in candidate.subsets, candidate.top1(subset)) for candidate in candidates]


def _cell(found: tuple[bool, Stat | None]) -> str:
    """Empty where the subset is not one of the candidate's modalities at all."""
    there, stat = found
    return (NOT_SCORED if stat is None else stat.show(percent)) if there else ""

"""A table's figures beside the paper's: paper | measured ± spread | verdict, as text, Markdown, CSV and HTML."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from actionmae.core.subsets import all_subsets, format_subset, parse_subset
from actionmae.evaluation.compare import bootstrap_top1
from actionmae.evaluation.grids import Grid, csv_grid, markdown_grid, points, text_grid
from actionmae.evaluation.scores import SubsetScores
from actionmae.evaluation.table import RobustnessTable
from actionmae.experiments.cells import Cells, NotRunError, table_data
from actionmae.experiments.claims import Claim, judge
from actionmae.experiments.costs import parameters, training_cost
from actionmae.experiments.models import CHANCE, Models
from actionmae.experiments.paper import paper_tables
from actionmae.report.page import tables_page

FIGURES = ("model", "tested on", "paper", "measured", "remark")
COSTS = ("model", "training", "parameters", "remark")
CLAIMS = ("claim", "difference [95 %]", "verdict")
_DATA_SETS = {"ntu60": "NTU60", "ntu120": "NTU120", "nw_ucla": "NW-UCLA", "uwa3d": "UWA3D"}
"""Columns of Table 6 by the layout of a protocol."""


@dataclass(frozen=True)
class TableResult:
    """One table's outcome.

    Attributes:
        name: As in tables.yaml.
        title: What it shows.
        figures: Cells under the titles `FIGURES`.
        costs: Cells under the titles `COSTS`; training is a multiple of one specialist's processor time.
        claims: Cells under the titles `CLAIMS`.
    """

    name: str
    title: str
    figures: Sequence[Sequence[str]]
    costs: Sequence[Sequence[str]]
    claims: Sequence[Sequence[str]]

    @property
    def heading(self) -> str:
        """Number and title."""
        return f"Table {self.name}. {self.title}" if self.name in ("6", *paper_tables()) else self.title

    @property
    def grids(self) -> list[Grid]:
        """Those that have rows."""
        each = ((FIGURES, self.figures), (COSTS, self.costs), (CLAIMS, self.claims))
        return [Grid(titles, rows) for titles, rows in each if rows]


def rows_of(table: str) -> dict[str, str]:
    """From the rows of a table, the yardsticks among them, to their models."""
    data = table_data()
    return {**data["tables"][table], **(data["yardsticks"]["rows"] if _has_yardsticks(table) else {})}


def _has_yardsticks(table: str) -> bool:
    return table in table_data()["yardsticks"]["tables"]


def claims_of(table: str) -> list[Claim]:
    """The claims that a table stands for."""
    return [Claim(**claim) for claim in table_data()["claims"] if claim["table"] == table]


def table_result(table: str, models: Models) -> TableResult:
    """What has been measured so far of one table."""
    figures = [row for label, model in rows_of(table).items() for row in _figures(table, label, model, models)]
    costs = [_costs(label, model, models) for label, model in rows_of(table).items()] if _has_yardsticks(table) else []
    claims = []
    for claim in claims_of(table):
        verdict, difference = judge(claim, models.scores, models.cells.subset)
        claims.append((claim.text, difference, verdict))
    title = table_data()["titles"].get(table) or paper_tables()[table].title
    return TableResult(table, title, figures, costs, claims)


def _costs(label: str, model: str, models: Models) -> tuple[str, ...]:
    if model.split()[0] == CHANCE:
        return label, "0", "0", ""
    try:
        cost, size = training_cost(model, models), parameters(model, models)
    except NotRunError as error:
        return label, "not run", "not run", str(error)
    remark = "" if cost is not None or size is None else "no processor time was recorded"
    return label, "" if cost is None else f"{cost:.1f}", "" if size is None else f"{size:,}", remark


def _figures(table: str, label: str, model: str, models: Models) -> Iterator[tuple[str, ...]]:
    recipe, train = model.split()
    measured: Callable[[str], str]
    try:
        remark = models.cells.notes(recipe) if recipe in table_data()["recipes"] else ""
        if recipe == CHANCE:
            models.cells.modalities(train)
            measured = partial(_chance, len(models.cells.clips.classes))
        else:
            runs = models.scores(model)
            tables = [RobustnessTable.from_scores(scores) for scores in runs]
            measured = partial(_measured, table, label, runs, tables, models)
            done = f"{len(runs)} of {models.seeds} seeds" if runs else "not trained yet"
            remark = "; ".join(text for text in (remark, done if len(runs) < models.seeds else "") if text)
    except NotRunError as error:
        measured, remark = (lambda _: "not run"), str(error)
    for column, paper in _columns(table, label, train, models.cells.protocol):
        yield label, column, paper, measured(column), remark


def _columns(table: str, label: str, train: str, protocol: str) -> Iterator[tuple[str, str]]:
    """Test sets of a row, each with the paper's figure."""
    paper = paper_tables().get(table)
    if table == "6" and paper is not None:
        data_set = _DATA_SETS.get(protocol.partition("/")[0], "NTU60")
        tests = {name.rpartition(" → ")[2]: row for name, row in paper.rows.items() if name.startswith(f"{label} → ")}
        for test in tests or _all(train):
            value = tests.get(test, {}).get(data_set)
            yield test, "" if value is None else f"{value:.1f}"
        return
    own = paper.rows.get(label) if paper is not None else None
    if own is not None:
        yield from ((column, f"{value:.1f}") for column, value in own.items())
    else:
        yield from ((column, "") for column in ([train] if table == "1i" else [*_all(train), "Δ̄"]))


def _chance(num_classes: int, column: str) -> str:
    return "0.0" if "Δ" in column else f"{100 / num_classes:.1f}"


def _measured(
    table: str,
    label: str,
    runs: Sequence[SubsetScores],
    tables: Sequence[RobustnessTable],
    models: Models,
    column: str,
) -> str:
    if column == "gain":
        return _gain(table, label, runs, models)
    return _spread(column, runs, tables, models.cells)


def _all(train: str) -> list[str]:
    letters = train.split("+")
    return ["+".join(letters[slot] for slot in subset) for subset in all_subsets(len(letters))]


def _spread(column: str, runs: Sequence[SubsetScores], tables: Sequence[RobustnessTable], cells: Cells) -> str:
    """Mean ± standard deviation over the seeds."""
    values = []
    for scores, table in zip(runs, tables, strict=True):
        if column == "Δ̄":
            value = table.mean_delta
        else:
            name = cells.subset(column.removeprefix("Δ "))
            row = table[format_subset(parse_subset(name, scores.modalities), scores.modalities)]
            value = row.delta if column.startswith("Δ") else row.top1
        values.append(value)
    given = [value for value in values if value is not None]
    if not given:
        return "n/a" if runs else ""
    mean = f"{statistics.mean(given):.1f}"
    return mean if len(given) == 1 else f"{mean} ± {statistics.stdev(given):.1f}"


def _gain(table: str, label: str, runs: Sequence[SubsetScores], models: Models) -> str:
    """The difference to the row that the paper compares with, on the paper's test set; signed, mean over the seeds."""
    paper = paper_tables()[table]
    reference = rows_of(table)[paper.reference(label)]
    (test,) = (models.cells.subset(column) for column in paper.rows[label] if column != "gain")
    try:
        others = models.scores(reference)
        if not runs or not others:
            return ""
        top1 = bootstrap_top1({"row": (runs, [test]), "reference": (others, [test])}, seed=0, draws=1)
    except ValueError:  # a NotRunError, or fewer than two clips that both scored
        return "n/a"
    return points(float(top1["row", test][0] - top1["reference", test][0]))


def to_text(results: Sequence[TableResult], facts: Sequence[str]) -> str:
    """For a terminal."""
    parts = ["\n".join(facts)]
    for each in results:
        parts += [each.heading, *(text_grid(*grid) for grid in each.grids)]
    return "\n\n".join(parts)


def to_markdown(results: Sequence[TableResult], facts: Sequence[str]) -> str:
    """One section for each table."""
    parts = ["# The paper's tables, measured", "\n".join(f"- {fact}" for fact in facts)]
    for each in results:
        parts += [f"## {each.heading}", *(markdown_grid(grid.header, grid.rows) for grid in each.grids)]
    return "\n\n".join(parts) + "\n"


def to_csv(results: Sequence[TableResult]) -> str:
    """One line for each figure, each cost and each claim."""
    rows = [[each.name, "figure", *row] for each in results for row in each.figures]
    for each in results:
        for model, training, size, remark in each.costs:
            rows.append([each.name, "training", model, "", "", training, remark])
            rows.append([each.name, "parameters", model, "", "", size.replace(",", ""), remark])
    rows += [
        [each.name, "claim", text, "", "", value, verdict] for each in results for text, value, verdict in each.claims
    ]
    return csv_grid(["table", "kind", *FIGURES], rows)


def to_html(results: Sequence[TableResult], facts: Sequence[str]) -> str:
    """One page."""
    return tables_page("The paper's tables, measured", facts, [(each.heading, each.grids) for each in results])

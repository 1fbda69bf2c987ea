"""The paper's tables on any prepared data: list the cells, train those that are missing, print paper | measured."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from actionmae.core.choices import did_you_mean
from actionmae.core.files import require_writable, write_text
from actionmae.experiments.cells import Cell, Cells, NotRunError, table_data
from actionmae.experiments.models import Models
from actionmae.experiments.results import claims_of, rows_of, table_result, to_csv, to_html, to_markdown, to_text
from actionmae.inference.evaluate import command_line
from actionmae.training.run_folder import RunFolder
from actionmae.training.train import train

log = logging.getLogger(__name__)


def select(table: str) -> list[str]:
    """Tables of tables.yaml: "all", one, or "7" for 7a–7d.

    Raises:
        ValueError: If there is no such table.
    """
    known = list(table_data()["tables"])
    chosen = [each for each in known if table in ("all", each) or (table == "7" and each[0] == "7")]
    if not chosen:
        raise ValueError(
            f"there is no table {table!r}{did_you_mean(table, known)}: choose all, 7 or {', '.join(known)}"
        )
    return chosen


def needed_cells(tables: Sequence[str], models: Models, recipes: Sequence[str] = ()) -> list[Cell]:
    """The cells of rows and claims, each once, those first that others start from.

    Args:
        tables: Names as `select` gives them.
        models: Which cells a model needs.
        recipes: Only the rows of these, without claims; empty = everything.

    Raises:
        ValueError: If no row of these tables has such a recipe.
    """
    cells: dict[Path, Cell] = {}
    for name in needed_models(tables, recipes):
        try:
            cells |= {cell.folder: cell for cell in models.cells_of(name)}
        except NotRunError as error:
            log.debug("%s: not run: %s", name, error)
    return list(cells.values())


def reasons_not_run(tables: Sequence[str], models: Models, recipes: Sequence[str] = ()) -> Iterator[str]:
    """Why models cannot be trained here, each reason once; the arguments are those of `needed_cells`."""
    told: set[str] = set()
    for name in needed_models(tables, recipes):
        try:
            models.cells_of(name)
        except NotRunError as error:
            if str(error) not in told:
                yield f"not run: {error}" + (f": {error.advice}" if error.advice else "")
            told.add(str(error))


def needed_models(tables: Sequence[str], recipes: Sequence[str] = ()) -> list[str]:
    """The models of rows and claims, each once; see `needed_cells`."""
    names = [name for table in tables for name in rows_of(table).values()]
    if recipes:
        known = list(dict.fromkeys(name.split()[0] for name in names))
        for recipe in recipes:
            if recipe not in known:
                raise ValueError(f"there is no row of {recipe!r}{did_you_mean(recipe, known)}: {', '.join(known)}")
        names = [name for name in names if name.split()[0] in recipes]
    else:
        names += [name for table in tables for claim in claims_of(table) for name in claim.models]
    return list(dict.fromkeys(names))


def shard_of(cells: Sequence[Cell], part: int, parts: int) -> list[Cell]:
    """The i-th of n parts; cells that start from one another stay together.

    Raises:
        ValueError: If there is no such part.
    """
    if not 1 <= part <= parts:
        raise ValueError(f"shard is {part}/{parts}: give i/n with i in 1…n")
    groups: list[list[Cell]] = []
    for cell in cells:
        joined = [group for group in groups if any(need in group for need in cell.needs)]
        groups = [group for group in groups if group not in joined]
        groups.append([*(each for group in joined for each in group), cell])
    order = {cell.folder: at for at, cell in enumerate(cells)}
    groups.sort(key=lambda group: order[group[0].folder])
    return [cell for group in groups[part - 1 :: parts] for cell in group]


def plan(cells: Sequence[Cell]) -> Iterator[str]:
    """What --dry-run prints: each cell, whether it is done, and how long it will take here."""
    from actionmae.experiments.timing import remaining_seconds

    seconds = remaining_seconds([cell for cell in cells if not cell.done])
    width = max((len(cell.recipe) for cell in cells), default=0)
    for cell in cells:
        state = "done" if cell.done else "begun" if RunFolder(cell.folder).begun else "to do"
        yield f"{state:6}{'' if cell.done else _duration(seconds[cell]):>9}  {cell.recipe:{width}}  {cell.folder}"
    done = sum(cell.done for cell in cells)
    yield f"{done} of {len(cells)} cells are done; the others take about {_duration(float(sum(seconds.values())))} here"


def train_cells(cells: Sequence[Cell]) -> dict[Path, str]:
    """Train what is not done yet; a cell that cannot be trained does not stop the others.

    Returns:
        By run folder, why it could not be trained.
    """
    failed = {}
    for at, cell in enumerate(cells, 1):
        if cell.done:
            continue
        log.info("cell %d of %d: %s", at, len(cells), cell.folder)
        try:
            train(cell.folder, cell.settings, resume=True)
        except (ValueError, OSError, ImportError) as error:
            failed[cell.folder] = " ".join(str(error).split())
            log.warning("not run: %s", failed[cell.folder])
    return failed


def reproduce(
    table: str,
    cells: Cells,
    *,
    seeds: int = 3,
    rows: Sequence[str] = (),
    shard: tuple[int, int] = (1, 1),
    dry_run: bool = False,
    scale: str = "small",
) -> Iterator[str]:
    """Do what the verb does; yields what is to be printed.

    Args:
        table: As `select` takes it.
        cells: Data and scale.
        seeds: Each model is trained with seeds 0 to this number − 1.
        rows: Train only the rows of these recipes; the tables show whatever is trained.
        shard: (i, n) trains only the i-th of n parts, and writes no tables unless n is 1.
        dry_run: Only list the cells.
        scale: For the heading.

    Raises:
        ValueError: If an argument is out of range or nothing can be written.
    """
    if seeds < 1:
        raise ValueError(f"seeds is {seeds}: give at least 1")
    tables, models = select(table), Models(cells, seeds)
    needed = needed_cells(tables, models, rows)
    mine = shard_of(needed, *shard)
    yield from reasons_not_run(tables, models, rows)
    if dry_run:
        yield from plan(mine)
        return
    out = cells.out / f"table_{table}.md"
    require_writable(out)
    models.failed = train_cells(mine)
    if shard != (1, 1):
        yield f"{sum(cell.done for cell in needed)} of {len(needed)} cells are done; without --shard the tables follow"
        return
    facts = _facts(cells, seeds, scale)
    results = [table_result(name, models) for name in tables]
    write_text(out, to_markdown(results, facts))
    write_text(out.with_suffix(".csv"), to_csv(results))
    write_text(out.with_suffix(".html"), to_html(results, facts))
    yield to_text(results, facts)
    yield f"\nwritten: {out}, .csv and .html beside it"


def _facts(cells: Cells, seeds: int, scale: str) -> list[str]:
    facts = [
        f"{command_line()}, {datetime.now(UTC):%Y-%m-%d}",
        f"data {cells.manifest}, protocol {cells.protocol}: {len(cells.splits.train)} clips to train on, "
        f"{len(cells.splits.test)} to test on, {len(cells.clips.classes)} classes",
        f"scale {scale}, {seeds} seed{'s' * (seeds > 1)}; measured is top-1 in percent, mean ± standard deviation",
        "training is processor time in multiples of a specialist's, parameters are those of the network that predicts",
        "a claim holds or fails if the 95 % interval of a paired bootstrap over clips and seeds says so",
    ]
    replaced = [f"{letter} = {name}" for letter, name in cells.names.items() if cells.letter_of[name] != letter]
    if replaced:
        names = ", ".join(f"{letter} = {name}" for letter, name in cells.names.items())
        facts.append(f"other modalities than the paper's: {names}")
    return facts


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )

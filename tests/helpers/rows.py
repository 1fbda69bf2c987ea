"""Rows of a manifest from plain paths."""

from pathlib import Path
from typing import Any

from actionmae.data.cell import Cell
from actionmae.data.cell_text import as_cell
from actionmae.data.manifest import ClipRow


def clip_row(*, files: dict[str, Cell | Path | str], **facts: Any) -> ClipRow:
    """A `ClipRow` whose files are read as cells are."""
    return ClipRow(files={name: as_cell(file) for name, file in files.items()}, **facts)

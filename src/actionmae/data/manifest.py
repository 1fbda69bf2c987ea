"""The table of clips: one CSV row per clip, one column per modality, an empty cell where one is missing. No torch.

`sample,label,subject,camera,setup,split,<modality>…`; a cell holds a path relative to the CSV. The order of the
classes is `classes.txt` beside the CSV (one name per line), or the labels in natural order where there is no such file.
`modalities.yaml` beside it says what differs from the registered modalities (`data.modality_file`).
"""

from __future__ import annotations

import csv
import dataclasses
import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from actionmae.core.choices import did_you_mean
from actionmae.core.files import atomic_write, write_text
from actionmae.core.modality import ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.cell_text import parse_cell
from actionmae.data.manifest_table import FACTS, read_table
from actionmae.data.modality_file import read_modalities
from actionmae.data.natural_order import natural_key
from actionmae.data.utf8 import read_utf8

SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipRow:
    """One clip.

    Attributes:
        sample: Unique name.
        label: Class name; empty = unknown (prediction).
        subject: Who acts; empty = unknown. Likewise `camera` and `setup`.
        camera: Which viewpoint.
        setup: Which arrangement of the room.
        split: train, val, test or empty (data sets with protocols leave it empty).
        files: Recordings by modality, only those that exist for this clip.
    """

    sample: str
    label: str
    subject: str = ""
    camera: str = ""
    setup: str = ""
    split: str = ""
    files: dict[str, Cell] = dataclasses.field(default_factory=dict)


def why_not_writable(row: ClipRow) -> str:
    """Why no manifest can hold a clip, in words; empty = it can."""
    facts = {fact: getattr(row, fact) for fact in FACTS}
    broken = [fact for fact, value in facts.items() if len(value.splitlines()) > 1]
    if broken:
        return f"its {broken[0]} {facts[broken[0]]!r} has a line break: write it on one line"
    try:
        "".join([*facts.values(), *map(str, row.files.values())]).encode()
    except UnicodeEncodeError:
        return "the name of a file or folder of the clip is not UTF-8: rename it"
    return ""


def require_own_names(rows: Iterable[ClipRow], place: str) -> None:
    """Refuse two clips of one name; names become paths, so "a" and "./a" are one.

    Args:
        rows: The clips.
        place: What they are in, for the message.

    Raises:
        ValueError: Naming the first two.
    """
    seen: dict[str, str] = {}
    for row in rows:
        path = posixpath.normpath(row.sample)
        if path in seen:
            names = f"{seen[path]!r} and {row.sample!r}" if seen[path] != row.sample else f"{row.sample!r} twice"
            raise ValueError(f"{place} has sample {names}: give every clip its own name")
        seen[path] = row.sample


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """A read manifest.

    Attributes:
        path: The CSV.
        classes: Class names in the order of the class indices.
        modalities: Its file columns, in the CSV's order.
        rows: The clips, in the CSV's order.
        specs: What `modalities.yaml` beside the CSV says of modalities, by name.
    """

    path: Path
    classes: tuple[str, ...]
    modalities: tuple[str, ...]
    rows: tuple[ClipRow, ...]
    specs: Mapping[str, ModalitySpec] = dataclasses.field(default_factory=dict)

    def require(self, modalities: Iterable[str]) -> None:
        """Refuse modalities for which the manifest has no column.

        Raises:
            ValueError: Naming the first one.
        """
        for name in modalities:
            if name not in self.modalities:
                raise ValueError(
                    f"manifest {self.path} has no column {name!r}{did_you_mean(name, self.modalities)}: "
                    f"its modalities are {', '.join(self.modalities)}"
                )


def read_manifest(path: Path | str, *, check_files: bool = True) -> Manifest:
    """Read and check a manifest.

    Args:
        path: The CSV.
        check_files: Also check that every clip has a file and that every file exists (one look-up per cell).

    Raises:
        FileNotFoundError: If the CSV, or a file that it names, does not exist.
        ValueError: If a column is missing, misspelt or doubled, a sample is doubled, a label is not in classes.txt,
            a split is unknown, a name has a line break, a row has too many cells or no file at all, or the text is no
            table in UTF-8.
    """
    path = Path(path)
    if path.is_dir():
        raise FileNotFoundError(
            f"manifest {path} is a folder: give the CSV in it, or make one with 'actionmae prepare'"
        )
    if not path.exists():
        raise FileNotFoundError(f"manifest {path} does not exist: give a CSV, or write one with 'actionmae prepare'")
    try:
        columns, table = read_table(path)
    except csv.Error as error:
        raise ValueError(f"manifest {path} is no table ({error}): look for a quote that is not closed") from error
    modalities = tuple(column for column in columns if column not in FACTS)
    rows = tuple(_row(path, modalities, cells, check_files) for cells in table)
    if not rows:
        raise ValueError(f"manifest {path} has no rows: give at least one clip")
    require_own_names(rows, f"manifest {path}")
    specs = read_modalities(path.parent)
    return Manifest(path=path, classes=_classes(path, rows), modalities=modalities, rows=rows, specs=specs)


def write_manifest(path: Path | str, rows: Sequence[ClipRow], classes: Sequence[str]) -> None:
    """Write the CSV (paths relative to it) and `classes.txt` beside it; both are whole or absent.

    The file columns are the modalities of all rows, in the order in which they first occur.

    Raises:
        ValueError: If there are no rows, two of one name, or a name that no manifest can hold.
    """
    path = Path(path)
    if not rows:
        raise ValueError(f"there are no clips to write into {path}: check the folder of the recordings")
    require_own_names(rows, f"manifest {path}")
    for row in rows:
        if reason := why_not_writable(row):
            raise ValueError(f"sample {row.sample!r} cannot be written into {path}: {reason}")
    if broken := [name for name in classes if len(name.splitlines()) > 1]:
        raise ValueError(f"class {broken[0]!r} has a line break: write it on one line")
    modalities = list(dict.fromkeys(name for row in rows for name in row.files))
    base = path.parent.resolve()
    write_text(path.with_name("classes.txt"), "".join(f"{name}\n" for name in classes))
    with atomic_write(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*FACTS, *modalities])
        for row in rows:
            files = [row.files[name].resolved().text(base) if name in row.files else "" for name in modalities]
            writer.writerow([*(getattr(row, fact) for fact in FACTS), *files])


def _row(path: Path, modalities: tuple[str, ...], cells: dict[str, str], check_files: bool) -> ClipRow:
    facts = {fact: (cells.get(fact) or "").strip() for fact in FACTS}
    if not facts["sample"]:
        given = ", ".join(f"{name} {cell}" for name, cell in cells.items() if cell)
        raise ValueError(f"manifest {path} has a row without a sample name ({given}): give every clip its own")
    if facts["split"] and facts["split"] not in SPLITS:
        raise ValueError(
            f"sample {facts['sample']!r} in {path} has split {facts['split']!r}: write {', '.join(SPLITS)} or nothing"
        )
    base = path.parent.resolve()
    files = {name: parse_cell(cells[name].strip(), base) for name in modalities if (cells.get(name) or "").strip()}
    if check_files and not files:
        raise ValueError(
            f"sample {facts['sample']!r} in {path} has no file in any modality: fill a cell or remove the row"
        )
    for name, cell in files.items():
        if check_files and cell.missing:
            raise FileNotFoundError(f"{name} of sample {facts['sample']!r} in {path} does not exist: {cell.missing[0]}")
    row = ClipRow(files=files, **facts)
    if reason := why_not_writable(row):
        raise ValueError(f"sample {facts['sample']!r} in {path} cannot be used: {reason}")
    return row


def _classes(path: Path, rows: tuple[ClipRow, ...]) -> tuple[str, ...]:
    labels = {row.label for row in rows if row.label}
    listed = path.with_name("classes.txt")
    if not listed.exists():
        return tuple(sorted(labels, key=natural_key))
    classes = tuple(line.strip() for line in read_utf8(listed).splitlines() if line.strip())
    known = set(classes)
    if doubled := [name for name, count in Counter(classes).items() if count > 1]:
        raise ValueError(f"{listed} names class {doubled[0]!r} twice: each class once")
    for row in rows:
        if row.label and row.label not in known:
            raise ValueError(
                f"label {row.label!r} of sample {row.sample!r} in {path} is not in {listed}"
                f"{did_you_mean(row.label, classes)}: correct the label or add the class"
            )
    return classes

"""What the table of clips itself shows: splits, classes, empty and repeated cells. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from actionmae.data.cell import Cell
from actionmae.data.check.report import Finding
from actionmae.data.manifest import SPLITS, ClipRow, Manifest


def check_table(manifest: Manifest) -> Iterator[Finding]:
    """Findings that need no file to be read."""
    yield from _empty_rows(manifest)
    yield from _half_filled_columns(manifest)
    yield from _shared_subjects(manifest)
    yield from _untrained_classes(manifest)
    yield from _untrained_modalities(manifest)
    yield from _similar_classes(manifest)
    yield from _repeated_recordings(manifest)


def _empty_rows(manifest: Manifest) -> Iterator[Finding]:
    for row in manifest.rows:
        if not row.files:
            text = f"{row.sample} has no file in any modality: fill a cell or remove the row"
            yield Finding(level="error", kind="no_recording", sample=row.sample, text=text)


def _half_filled_columns(manifest: Manifest) -> Iterator[Finding]:
    """Rows without a label or split that others have; if all lack labels, none is scored."""
    for column, advice in (("label", "write its class name"), ("split", "write train, val or test")):
        without = [row for row in manifest.rows if not getattr(row, column)]
        if len(without) < len(manifest.rows):
            for row in without:
                text = f"{row.sample} has no {column}, but others have: {advice}, or remove the row"
                yield Finding(level="error", kind=f"no_{column}", sample=row.sample, text=text)
    if any(row.label for row in manifest.rows) and not any(row.split for row in manifest.rows):
        text = "no clip has a split: write train, val or test into the column, or name a protocol"
        yield Finding(level="warning", kind="no_split", text=text)


def _shared_subjects(manifest: Manifest) -> Iterator[Finding]:
    by_split = {part: {row.subject for row in manifest.rows if row.split == part} for part in SPLITS}
    for subject in sorted((by_split["train"] & by_split["test"]) - {""}):
        text = f"subject {subject} is in train and test: the test then says nothing about people never seen"
        yield Finding(level="warning", kind="subject_in_both_splits", text=text)


def _untrained_classes(manifest: Manifest) -> Iterator[Finding]:
    """Only where the split column names training clips; protocols have their own rules, and tests need no training."""
    trained = {row.label for row in manifest.rows if row.split == "train"}
    for name in manifest.classes:
        if trained and name not in trained:
            text = f"class {name} has no training clip: record some or take it out of the classes"
            yield Finding(level="error", kind="untrained_class", text=text)


def _untrained_modalities(manifest: Manifest) -> Iterator[Finding]:
    """Only where the split column divides the clips, as with the classes."""
    rows = [row for row in manifest.rows if row.split == "train"]
    for name in manifest.modalities:
        if rows and not any(name in row.files for row in rows):
            text = f"no training clip has {name}: fill its cells, or choose modalities without it"
            yield Finding(level="warning", kind="untrained_modality", modality=name, text=text)


def _similar_classes(manifest: Manifest) -> Iterator[Finding]:
    spellings = defaultdict(list)
    for name in manifest.classes:
        spellings["".join(char for char in name.casefold() if char.isalnum()) or name].append(name)
    for names in spellings.values():
        if len(names) > 1:
            text = f"{' and '.join(names)} are {len(names)} classes: give them one name if they are the same action"
            yield Finding(level="warning", kind="similar_classes", text=text)


def _repeated_recordings(manifest: Manifest) -> Iterator[Finding]:
    """One recording in two clips; an error if one clip is for training and the other for the test."""
    owners: dict[tuple[str, Cell], list[ClipRow]] = defaultdict(list)
    for row in manifest.rows:
        for name, cell in row.files.items():
            owners[name, cell].append(row)
    for (name, cell), rows in owners.items():
        if len(rows) > 1:
            leaks = {row.split for row in rows} >= {"train", "test"}
            first, second, more = rows[0].sample, rows[1].sample, len(rows) - 2
            others = second + (f" and {more} more" if more else "")
            text = f"{first} and {others} have one {name} recording, {cell.name}: give every clip its own"
            yield Finding(
                level="error" if leaks else "warning",
                kind="repeated_recording",
                sample=second,
                modality=name,
                text=text,
            )

"""Which rows of a manifest are trained on, which choose settings, and which are scored once. No torch."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from actionmae.core.modality import ModalitySet
from actionmae.data.layouts import find_protocol
from actionmae.data.manifest import SPLITS, ClipRow, Manifest
from actionmae.data.natural_order import natural_key

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Splits:
    """Disjoint rows for fitting, for choosing settings, and for the one final score."""

    train: tuple[ClipRow, ...]
    val: tuple[ClipRow, ...]
    test: tuple[ClipRow, ...]


def split_manifest(manifest: Manifest, protocol: str, val_subjects: Sequence[str] = ()) -> Splits:
    """Divide a manifest's clips.

    Args:
        manifest: The clips.
        protocol: "split" = the CSV's own split column; "<layout>/<name>" = a data set's protocol, as in
            "utd_mhad/cross-subject".
        val_subjects: Training subjects whose clips are held out for validation.

    Raises:
        ValueError: If the protocol is unknown or belongs to another data set, a clip has no split, or a validation
            subject is no training subject or all of them.
    """
    if protocol == "split":
        parts = {part: [row for row in manifest.rows if row.split == part] for part in SPLITS}
        without = [row.sample for row in manifest.rows if not row.split]
        if without:
            raise ValueError(
                f"sample {without[0]!r} in {manifest.path} has no split: write train, val or test, or choose a protocol"
            )
    else:
        parts = _by_protocol(manifest, protocol)
    train, val = parts["train"], parts["val"]
    subjects = sorted({row.subject for row in train}, key=natural_key)
    for subject in val_subjects:
        if subject not in subjects:
            raise ValueError(
                f"validation subject {subject!r} is no training subject: choose from {', '.join(subjects)}"
            )
    val = val + [row for row in train if row.subject in val_subjects]
    train = [row for row in train if row.subject not in val_subjects]
    if val_subjects and not train:
        raise ValueError(f"every training subject of {manifest.path} is held out: hold out fewer subjects")
    return Splits(train=tuple(train), val=tuple(val), test=tuple(parts["test"]))


def _by_protocol(manifest: Manifest, name: str) -> dict[str, list[ClipRow]]:
    protocol = find_protocol(name, manifest.classes)
    parts: dict[str, list[ClipRow]] = {part: [] for part in SPLITS}
    for row in manifest.rows:
        value = getattr(row, protocol.field)
        if not value:
            raise ValueError(
                f"sample {row.sample!r} in {manifest.path} has no {protocol.field}: protocol {name!r} needs this column"
            )
        if value in protocol.train:
            parts["train"].append(row)
        elif protocol.test is None or value in protocol.test:
            parts["test"].append(row)
    return parts


def check_labels(rows: Sequence[ClipRow], classes: Sequence[str]) -> None:
    """Refuse rows whose label the model does not know.

    Raises:
        ValueError: Naming the first such row.
    """
    known = set(classes)
    for row in rows:
        if row.label not in known:
            raise ValueError(
                f"clip {row.sample!r} has label {row.label!r}, which is none of the model's {len(known)} classes "
                f"({', '.join(list(classes)[:5])}, …): score a manifest with the model's own class names"
            )


def split_rows(
    manifest: Manifest, *, protocol: str, split: str, val_subjects: Sequence[str] = ()
) -> tuple[ClipRow, ...]:
    """The rows of one split: train, val, test, or all; `val_subjects` as in `split_manifest`.

    Raises:
        ValueError: If the split is unknown or the protocol does not fit.
    """
    if split == "all":
        return manifest.rows
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}: choose train, val, test or all")
    if protocol == "split" and not any(row.split for row in manifest.rows):
        raise ValueError(f"{manifest.path} has no split column: let split be all, or choose a protocol")
    rows: tuple[ClipRow, ...] = getattr(split_manifest(manifest, protocol, val_subjects), split)
    return rows


def usable_rows(rows: Sequence[ClipRow], names: Sequence[str]) -> tuple[ClipRow, ...]:
    """The rows that have at least one of the modalities; the others are counted in the log."""
    kept = tuple(row for row in rows if any(name in row.files for name in names))
    if len(kept) < len(rows):
        lost = len(rows) - len(kept)
        log.warning("%d of %d clips have none of %s and are left out", lost, len(rows), ", ".join(names))
    return kept


def rows_for_model(manifest: Manifest, rows: Sequence[ClipRow], modalities: ModalitySet) -> tuple[ClipRow, ...]:
    """The rows that a trained model can score; modalities without a column are simply absent.

    Raises:
        ValueError: If manifest and model have no modality in common, or no row is left.
    """
    if not set(manifest.modalities) & set(modalities.names):
        raise ValueError(
            f"manifest {manifest.path} has {', '.join(manifest.modalities)} but the model reads "
            f"{', '.join(modalities.names)}: they need a modality in common"
        )
    kept = usable_rows(rows, modalities.names)
    if not kept:
        raise ValueError(f"no clip of this split of {manifest.path} can be scored: choose another split or protocol")
    return kept

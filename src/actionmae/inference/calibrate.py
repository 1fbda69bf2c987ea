"""A saved model learns on held-out clips how sure it may be, and what healthy recordings look like."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actionmae.core.devices import pick_device
from actionmae.core.files import require_writable, write_text
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import ClipRow, Manifest, read_manifest
from actionmae.data.reading.readers import open_reader
from actionmae.data.splits import check_labels, rows_for_model, split_rows
from actionmae.evaluation.calibration import Reliability, fit_calibration, reliability
from actionmae.inference.evaluate import command_line
from actionmae.inference.health import learn_ranges
from actionmae.inference.history import trainings
from actionmae.inference.read_stored import StoredSample, read_stored
from actionmae.inference.scoring import ClipScorer
from actionmae.nn.checkpoint import load_model, read_config, save_calibration

log = logging.getLogger(__name__)


def calibrate_model(
    folder: Path,
    manifest: Path,
    *,
    protocol: str = "split",
    split: str = "val",
    val_subjects: Sequence[str] = (),
    min_clips: int = 50,
    device: str = "auto",
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> list[Reliability]:
    """Fit a temperature for each subset by plain negative log-likelihood; store them and the ranges of healthy clips.

    Of the model folder config.json is replaced, and the card no longer says that the model is not calibrated.

    Args:
        folder: Model.
        manifest: CSV with clips that the model was not trained on.
        protocol: As in `DataConfig`.
        split: Which clips.
        val_subjects: Training subjects that were held out.
        min_clips: Subsets of fewer clips share one temperature.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
        batch_size: Clips per batch.
        progress: Called with (clips done now, clips in all).

    Returns:
        Calibration errors before and after, on the same clips.

    Raises:
        FileNotFoundError: If the model, the manifest or a recording does not exist.
        ValueError: If they do not fit each other, there is no clip, or nothing can be written to the folder.
    """
    model = load_model(folder, device=pick_device(device))
    require_writable(folder / "config.json")
    read = read_manifest(manifest)
    chosen = split_rows(read, protocol=protocol, split=split, val_subjects=val_subjects)
    if not chosen:
        raise ValueError(
            f"there is no clip in split {split!r} of {manifest}: name training subjects that were held out, as "
            "val_subjects"
        )
    provenance = read_config(folder).provenance
    seen = {row.sample for row in chosen} & _trained_on(provenance, read, protocol, val_subjects)
    if seen:
        log.warning(
            "%d of these %d clips trained the model: its confidence will be too high; hold people out of the training "
            "(data.val_subjects) and name them as val_subjects",
            len(seen),
            len(chosen),
        )
    rows = rows_for_model(read, chosen, model.modalities)
    check_labels(rows, model.classes)
    scorer = ClipScorer(rows, model, batch_size=batch_size)
    scores = scorer(model, progress=None if progress is None else lambda clips: progress(clips, len(rows)))
    healthy = learn_ranges(_stored(row, model.modalities) for row in rows)
    model.calibration = replace(fit_calibration(scores, min_clips=min_clips), healthy=healthy)
    facts = {"manifest": str(manifest), "protocol": protocol, "split": split, "val_subjects": list(val_subjects)}
    facts |= {"command": command_line(), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    save_calibration(folder, model.calibration, provenance=provenance | {"calibrated_on": facts})
    card = folder / "README.md"
    if card.is_file():
        write_text(card, _without_doubt(card.read_text(encoding="utf-8")))
    return reliability(scores, model.calibration)


def _trained_on(
    provenance: Mapping[str, Any], manifest: Manifest, protocol: str, val_subjects: Sequence[str]
) -> set[str]:
    """Names of the manifest's clips that trained the model; what its provenance does not say is as asked for now."""
    names: set[str] = set()
    for training in trainings(provenance):
        data = training.get("settings", {}).get("data", {})
        rule, held_out = data.get("protocol", protocol), data.get("val_subjects", val_subjects)
        with suppress(ValueError):  # a rule that does not apply to this manifest
            rows = split_rows(manifest, protocol=rule, split="train", val_subjects=held_out)
            names |= {row.sample for row in rows}
    return names


def _without_doubt(card: str) -> str:
    """Without the line of `model_card` that says that nothing is calibrated."""
    return "".join(line for line in card.splitlines(keepends=True) if "probabilities are not calibrated" not in line)


def _stored(row: ClipRow, modalities: ModalitySet) -> StoredSample:
    readers = {name: open_reader(cell, modalities[name]) for name, cell in row.files.items() if name in modalities}
    return read_stored(row.sample, readers, modalities)

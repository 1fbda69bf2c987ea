"""What the verbs evaluate, embed and report do with a saved model and a manifest."""

import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from actionmae.core.devices import pick_device
from actionmae.core.files import atomic_write, require_writable, write_text
from actionmae.core.subsets import format_subset
from actionmae.core.tensors import ClipBatch
from actionmae.data.loading.broken import log_broken
from actionmae.data.manifest import ClipRow, read_manifest
from actionmae.data.splits import check_labels, rows_for_model, split_rows
from actionmae.data.transforms.transform import transform
from actionmae.evaluation.calibration import reliability
from actionmae.evaluation.frame_loss_curve import FrameLossCurve
from actionmae.evaluation.scores import SubsetScores
from actionmae.evaluation.table import RobustnessTable
from actionmae.inference.config import ClipsConfig, EvaluationConfig
from actionmae.inference.frame_loss import FRACTIONS, score_frame_loss
from actionmae.inference.scoring import ClipScorer, score_model
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model

Progress = Callable[..., None]

_CLIPS, _EVALUATION = ClipsConfig(), EvaluationConfig()


def evaluate_model(
    model_folder: Path,
    manifest: Path,
    config: EvaluationConfig = _EVALUATION,
    *,
    out: Path,
    progress: Progress | None = None,
) -> tuple[RobustnessTable, list[FrameLossCurve]]:
    """Score a saved model and write what `write_scores` writes (and frame_loss.json) into `out`.

    Args:
        model_folder: Model.
        manifest: CSV; labels are matched with the model's classes by name.
        config: Which clips, where, and what else.
        out: Folder to write into.
        progress: Called with (clips done now, clips in all), first with 0; every fraction of lost frames counts as a
            clip. Several processes say nothing until all have scored.

    Raises:
        FileNotFoundError: If the model, the manifest or a recording does not exist.
        ValueError: If they do not fit each other, nothing can be written to `out`, or the frame loss is asked for of a
            model that predicts from no clip as it is recorded.
    """
    require_writable(out / "scores.npz")
    model, rows = _model_and_rows(model_folder, manifest, config)
    check_labels(rows, model.classes)
    if config.frame_loss:
        _require_recorded(model, rows)
    total = len(rows) * (1 + 2 * len(FRACTIONS) * config.frame_loss)

    def report(clips: int) -> None:
        if progress is not None:
            progress(clips, total)

    report(0)
    scores, broken = score_model(
        model_folder,
        rows,
        device=config.device,
        num_devices=config.num_devices,
        batch_size=config.batch_size,
        num_workers=config.num_workers,
        all_subsets_up_to=config.all_subsets_up_to,
        skip_broken=config.skip_broken,
        progress=report,
    )
    if config.num_devices != 1:
        report(len(rows))
    facts: dict[str, Any] = {"model": str(model_folder), "manifest": str(manifest)}
    facts |= {"protocol": config.protocol, "split": config.split}
    facts |= {"broken": [[*key, reason] for key, reason in sorted(broken.items())]} if config.skip_broken else {}
    table = write_scores(scores, out, facts=facts, specialists=config.specialists or None)
    if model.calibration is not None:
        found = [each.to_dict() for each in reliability(scores, model.calibration)]
        write_text(out / "calibration.json", json.dumps(found, indent=2) + "\n")
    curves = []
    if config.frame_loss:
        model.to(pick_device(config.device))
        scorer = _clips(rows, model, config)
        for spans in (False, True):
            batches = _counted(scorer.stored_batches(model), lambda clips: report(clips * len(FRACTIONS)))
            ready = functools.partial(transform, modalities=model.modalities)
            curves.append(score_frame_loss(model, batches, transform=ready, spans=spans))
        write_text(out / "frame_loss.json", json.dumps([curve.to_dict() for curve in curves], indent=2) + "\n")
    log_broken(broken, "scored")
    return table, curves


def write_scores(
    scores: SubsetScores, folder: Path, *, facts: Mapping[str, Any], specialists: Mapping[str, float] | None = None
) -> RobustnessTable:
    """Write scores.npz, the robustness table as .json, .csv and .md, and evaluation.json.

    Args:
        scores: Of one model.
        folder: Made if needed.
        facts: JSON-ready: what was scored on what. The command and the date are added.
        specialists: Top-1 in percent of models trained on one subset alone, by subset.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scores.save(folder / "scores.npz")
    table = RobustnessTable.from_scores(scores, specialists)
    facts = {**facts, "command": command_line(), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    write_text(folder / "evaluation.json", json.dumps(facts, indent=2) + "\n")
    for suffix, text in (("json", table.to_json()), ("csv", table.to_csv()), ("md", table.to_markdown())):
        write_text(folder / f"robustness.{suffix}", text)
    return table


def read_table(path: Path) -> RobustnessTable:
    """Read the robustness.json that `write_scores` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no robustness table.
    """
    if not path.is_file():
        raise FileNotFoundError(f"table {path} does not exist: give the robustness.json that evaluate wrote")
    try:
        return RobustnessTable.from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def command_line() -> str:
    """The command that this process runs."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


@torch.inference_mode()
def embed_clips(
    model_folder: Path,
    manifest: Path,
    config: ClipsConfig = _CLIPS,
    *,
    out: Path,
    progress: Progress | None = None,
) -> int:
    """Write the tokens of every clip to an .npz file and return the number of clips.

    The file holds tokens [n, M, C] float32 (zero where a modality is missing), filled [n, M, C] (with ActionMAE the
    missing ones reconstructed), available [n, M] bool, sample_ids [n] and modalities [M] as strings.

    Args:
        model_folder: Model.
        manifest: CSV; labels may be empty.
        config: Which clips, and how they are loaded.
        out: File to write.
        progress: Called with (clips done now, clips in all), first with 0.

    Raises:
        FileNotFoundError: If the model, the manifest or a recording does not exist.
        ValueError: If they do not fit each other, or `out` is no .npz or cannot be written.
    """
    if out.suffix != ".npz":
        raise ValueError(f"out is {out}: give a file name that ends in .npz")
    require_writable(out)
    model, rows = _model_and_rows(model_folder, manifest, config)
    model.to(pick_device(config.device))
    if progress is not None:
        progress(0, len(rows))
    columns: dict[str, list[np.ndarray]] = {"tokens": [], "filled": [], "available": []}
    names: list[str] = []
    clips = _clips([replace(row, label="") for row in rows], model, config)  # any label will do
    for batch in clips.batches(model):
        tokens = model.encode(batch)
        filled, _ = model.reconstruct(tokens, batch.available)
        for key, value in (("tokens", tokens), ("filled", filled), ("available", batch.available)):
            columns[key].append(value.cpu().numpy())
        names += batch.sample_ids
        if progress is not None:
            progress(len(batch), len(rows))
    if not names:
        raise ValueError(f"no clip can be read; the first error was: {next(iter(clips.broken.values()))}")
    with atomic_write(out) as unfinished, unfinished.open("wb") as file:
        arrays: dict[str, Any] = {key: np.concatenate(parts) for key, parts in columns.items()}
        np.savez(file, **arrays, sample_ids=np.array(names), modalities=np.array(model.modalities.names))
    log_broken(clips.broken, "embedded")
    return len(names)


def _clips(rows: Sequence[ClipRow], model: SavedModel, config: ClipsConfig) -> ClipScorer:
    return ClipScorer(
        rows,
        model,
        batch_size=config.batch_size,
        num_workers=config.num_workers,
        skip_broken=config.skip_broken,
    )


def _require_recorded(model: SavedModel, rows: Sequence[ClipRow]) -> None:
    supported, names = model.supported_subsets, model.modalities.names
    subsets = {tuple(slot for slot, name in enumerate(names) if name in row.files) for row in rows}
    if supported is not None and not subsets & set(supported):
        known = ", ".join(format_subset(each, model.modalities) for each in supported)
        raise ValueError(
            f"frame_loss takes frames from clips as they are recorded, and this model predicts only from {known}, "
            "which none of them is: leave it out, or give clips with these sensors alone"
        )


def _counted(batches: Iterator[ClipBatch], report: Callable[[int], None]) -> Iterator[ClipBatch]:
    """The same batches; the number of clips is reported when a batch has been used."""
    for batch in batches:
        yield batch
        report(len(batch))


def _model_and_rows(model_folder: Path, manifest: Path, config: ClipsConfig) -> tuple[SavedModel, tuple[ClipRow, ...]]:
    model = load_model(model_folder)
    read = read_manifest(manifest)
    chosen = split_rows(read, protocol=config.protocol, split=config.split)
    return model, rows_for_model(read, chosen, model.modalities)

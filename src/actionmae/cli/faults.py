"""The verb faults: what a broken sensor costs."""

import json as json_format
from pathlib import Path
from typing import Literal

from actionmae.cli.evaluation_folder import evaluation_folder
from actionmae.cli.progress import ClipCounter


def faults(
    model: Path,
    manifest: Path,
    *,
    protocol: str = "split",
    split: Literal["train", "val", "test", "all"] = "test",
    health: bool = False,
    out: Path | None = None,
    device: str = "auto",
) -> None:
    """Score a model with one sensor at a time broken, not missing: black, frozen, noisy, late, …, at five severities.

    Args:
        model: Model folder.
        manifest: CSV with the clips.
        protocol: "split" = the manifest's split column; otherwise a data set's rule, as in utd_mhad/cross-subject.
        split: Which clips.
        health: Also with the health check, which treats what is recognisably broken as missing.
        out: Folder for faults.json and faults.csv; default: evaluation/ beside the model folder.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
    """
    from actionmae.core.files import require_writable, write_text
    from actionmae.evaluation.faults import faults_csv, faults_text
    from actionmae.inference.fault_scoring import score_model_faults

    folder = evaluation_folder(model) if out is None else out
    require_writable(folder / "faults.json")
    with ClipCounter("scoring") as counter:
        rows = score_model_faults(
            model,
            manifest,
            protocol=protocol,
            split=split,
            health=health,
            device=device,
            progress=counter.add,
        )
    write_text(folder / "faults.json", json_format.dumps([row.to_dict() for row in rows], indent=2) + "\n")
    write_text(folder / "faults.csv", faults_csv(rows))
    print(faults_text(rows))

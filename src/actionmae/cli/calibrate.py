"""The verb calibrate: how sure a model may be."""

from pathlib import Path
from typing import Literal

from actionmae.cli.progress import ClipCounter


def calibrate(
    model: Path,
    manifest: Path,
    *,
    protocol: str = "split",
    split: Literal["train", "val", "test", "all"] = "val",
    val_subjects: list[str] | None = None,
    min_clips: int = 50,
    batch_size: int = 32,
    device: str = "auto",
) -> None:
    """Make a model's confidence honest for each subset of sensors, on clips that it was not trained on.

    Args:
        model: Model folder; the temperatures are stored in it.
        manifest: CSV with the clips.
        protocol: "split" = the manifest's split column; otherwise a data set's rule, as in utd_mhad/cross-subject.
        split: Which clips.
        val_subjects: Training subjects that were held out of the training.
        min_clips: Subsets that fewer clips have share one temperature.
        batch_size: Clips per batch.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
    """
    from actionmae.evaluation.calibration import reliability_lines
    from actionmae.inference.calibrate import calibrate_model

    with ClipCounter("scoring") as counter:
        found = calibrate_model(
            model,
            manifest,
            protocol=protocol,
            split=split,
            val_subjects=val_subjects or (),
            min_clips=min_clips,
            device=device,
            batch_size=batch_size,
            progress=counter.add,
        )
    print("\n".join([*reliability_lines(found), f"model: {model}"]))

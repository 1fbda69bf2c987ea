"""The verbs about models: train, score, compare and use them."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from actionmae.cli.evaluation_folder import evaluation_folder
from actionmae.cli.progress import ClipCounter
from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.inference.config import ClipsConfig, EvaluationConfig
    from actionmae.training.settings import TrainSettings

__getattr__ = lazy_names(
    "actionmae",
    {
        "ClipsConfig": "inference.config",
        "EvaluationConfig": "inference.config",
        "TrainSettings": "training.settings",
    },
)


def demo(
    *, out: Path = Path("runs/demo"), clips: int = 384, epochs: int = 30, frame_size: int = 48, seed: int = 0
) -> None:
    """Render recordings, train three models on them, print what each missing sensor costs, write a report.

    Plain transformer fusion, ActionMAE, and cross prediction.

    Args:
        out: Folder for recordings, runs and report.
        clips: Clips to render.
        epochs: Passes over the training clips, for each of the three models.
        frame_size: Pixels of the networks' square input.
        seed: Of rendering and training.
    """
    from actionmae.experiments.demo import run_demo

    with ClipCounter("rendering") as counter:
        for line in run_demo(out, clips=clips, epochs=epochs, frame_size=frame_size, seed=seed, progress=counter.reach):
            print(line, flush=True)


def train(settings: "TrainSettings", *, run: Path, resume: bool = False, overwrite: bool = False) -> None:
    """Train a classifier; leaves settings, metrics, checkpoints, the robustness report and model/ in the run folder.

    Args:
        settings: All that decides what is trained.
        run: The run folder: new, empty, or one of an earlier run.
        resume: Go on from the last checkpoint, if there is one.
        overwrite: Replace an earlier run in this folder, as soon as the new one has finished an epoch.
    """
    from actionmae.core.process_group import is_first_process

    first = is_first_process(settings.num_processes)
    if not first:  # several devices run the command once each; one of them speaks
        logging.getLogger("actionmae").setLevel(logging.WARNING)
    from actionmae.training.train import train as run_training

    folder = run_training(run, settings, resume=resume, overwrite=overwrite)
    if not first:
        return
    table = folder.parent / "robustness.json"
    if table.is_file():
        from actionmae.evaluation.table import RobustnessTable

        print(RobustnessTable.from_json(table.read_text(encoding="utf-8")).to_text())
    print(f"model: {folder}")


def evaluate(model: Path, manifest: Path, config: "EvaluationConfig", *, out: Path | None = None) -> None:
    """Score a model on the subsets of its modalities and print the robustness table.

    Args:
        model: Model folder.
        manifest: CSV with the clips; its labels are matched with the model's classes by name.
        config: Which clips, where, and what else.
        out: Folder for scores.npz, robustness.json, .csv and .md; default: evaluation/ beside the model folder.
    """
    from actionmae.inference.evaluate import evaluate_model

    out = out if out is not None else evaluation_folder(model)
    with ClipCounter("scoring") as counter:
        table, curves = evaluate_model(model, manifest, config, out=out, progress=counter.add)
    print(table.to_text())
    for curve in curves:
        pairs = zip(curve.fractions, curve.top1, strict=True)
        values = ", ".join(f"{100 * fraction:.0f} %: {top1:.1f}" for fraction, top1 in pairs)
        print(f"top-1 by fraction of lost {curve.kind}: {values}")


def report(
    runs: list[str], *, out: Path = Path("report.html"), manifest: Path | None = None, title: str = "Robustness report"
) -> None:
    """Write one self-contained HTML page about evaluated models, side by side.

    Args:
        runs: Run folders, or folders that evaluate wrote, as FOLDER or NAME=FOLDER; folders with the same name are
            seeds of one method, shown as mean and spread.
        out: The page; the same in Markdown and CSV beside it.
        manifest: Where sample frames are taken from.
        title: Heading.
    """
    from actionmae.report.runs import report_runs

    for path in report_runs(runs, out, manifest=manifest, title=title):
        print(path)


def embed(model: Path, manifest: Path, config: "ClipsConfig", *, out: Path) -> None:
    """Write the modality tokens of every clip to one .npz file.

    Args:
        model: Model folder.
        manifest: CSV with the clips; labels may be empty.
        config: Which clips, and how they are loaded.
        out: .npz with tokens [n, M, C], filled [n, M, C] (missing tokens reconstructed), available [n, M], sample_ids,
            modalities.
    """
    from actionmae.inference.evaluate import embed_clips

    with ClipCounter("embedding") as counter:
        count = embed_clips(model, manifest, config, out=out, progress=counter.add)
    print(f"{out}: {count} clips")

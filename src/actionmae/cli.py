"""The command line: one public function per verb, with the same name; heavy imports happen inside.

Only the chosen verb's signature becomes a parser (jsonargparse), so `actionmae --help` imports nothing.
"""

import inspect
import json as json_format
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from actionmae.methods.config import MethodConfig
    from actionmae.nn.config import ClassifierConfig
    from actionmae.training.engine import EngineConfig
    from actionmae.training.loaders import DataConfig
    from actionmae.training.optim import OptimConfig

Split = Literal["train", "val", "test", "all"]


def demo(
    *, out: Path = Path("runs/demo"), clips: int = 384, epochs: int = 30, frame_size: int = 48, seed: int = 0
) -> None:
    """Render recordings, train with and without ActionMAE, print what each missing sensor costs, write a report.

    Args:
        out: Folder for recordings, runs and report.
        clips: Clips to render.
        epochs: Passes over the training clips, for each of the two models.
        frame_size: Pixels of the networks' square input.
        seed: Of rendering and training.
    """
    from actionmae.experiments.demo import run_demo

    for line in run_demo(out, clips=clips, epochs=epochs, frame_size=frame_size, seed=seed):
        print(line, flush=True)


def prepare(
    *,
    layout: str,
    out: Path,
    root: Path | None = None,
    crop: Literal["none", "person"] = "none",
    transcode: bool = True,
    short_side: int = 270,
    flow: bool = False,
    modalities: list[str | dict[str, Any]] | None = None,
    workers: int = 1,
    shard: str = "1/1",
    clips: int = 384,
    seed: int = 0,
) -> None:
    """Index raw recordings, transcode them once into small videos, list every broken file, write manifest.csv.

    Args:
        layout: Name of the data set; folder for <label>/<clip>/<modality>.*; manifest for an existing CSV; synthetic to
            render recordings first.
        out: Folder to write into; a second call does only what is missing.
        root: Folder with the raw recordings, or the CSV; not for synthetic.
        crop: "person" cuts depth whose background is 0 to the person.
        transcode: False = only index and check; the manifest then names the raw files.
        short_side: Pixels of the short side of colour; smaller recordings and other modalities keep their size.
        flow: Also derive optical flow from rgb.
        modalities: Only these; default: all that the layout knows.
        workers: Processes.
        shard: i/n does the i-th of n parts (a cluster's job array); the call without it then writes the manifest.
        clips: Clips to render (synthetic).
        seed: Of the rendering (synthetic).
    """
    from actionmae.data.prepare import prepare as prepare_recordings

    if layout == "synthetic":
        from actionmae.experiments.demo import render_recordings

        if root is not None:
            raise ValueError(f"root {root} was given, but synthetic recordings are rendered: leave it out")
        layout, root = "ntu", render_recordings(out / "recordings", clips=clips, seed=seed)
    if root is None:
        raise ValueError(f"layout {layout} needs --root: give the folder with the raw recordings")
    part, slash, parts = shard.partition("/")
    if not slash or not part.isdigit() or not parts.isdigit():
        raise ValueError(f"shard is {shard!r}: give i/n, as in 3/16")
    with _bar("preparing") as move:
        seen = [0]

        def progress(done: int, total: int) -> None:
            move(done - seen[0], total)
            seen[0] = done

        report = prepare_recordings(
            layout,
            root,
            out,
            crop=crop,
            transcode=transcode,
            short_side=short_side,
            flow=flow,
            modalities=modalities or (),
            workers=workers,
            shard=(int(part), int(parts)),
            progress=progress,
        )
    files = ", ".join(f"{count} {name}" for name, count in report.num_files.items())
    what = report.manifest if int(parts) == 1 else f"shard {shard} (when all are done, run once more without --shard)"
    print(f"{what}: {report.num_clips} clips ({files}), {len(report.problems)} problems")


def check(
    *,
    manifest: Path,
    layout: str = "",
    modalities: list[str | dict[str, Any]] | None = None,
    workers: int = 1,
    json: bool = False,
) -> int:
    """Read every file of a manifest once and report what would spoil a training; exit code 1 if there are errors.

    Args:
        manifest: The CSV.
        layout: Data set whose modalities differ from the registered ones, for example utd_mhad.
        modalities: Only these; names, or mappings that define or change a modality; default: all columns.
        workers: Processes.
        json: Print JSON.
    """
    from actionmae.data.check import check_manifest

    with _bar("checking") as move:
        report = check_manifest(
            manifest,
            layout=layout,
            modalities=modalities or (),
            workers=workers,
            progress=lambda done, total: move(1, total),
        )
    print(json_format.dumps(report.to_dict(), indent=2, ensure_ascii=False) if json else report.to_text())
    return 1 if report.errors else 0


def train(
    *,
    run: Path,
    data: "DataConfig",
    model: "ClassifierConfig",
    method: "MethodConfig",
    optim: "OptimConfig",
    engine: "EngineConfig",
    init: list[Path] | None = None,
    init_parts: Literal["all", "encoders", "space"] = "all",
    freeze_init: bool = False,
    select: Literal["last", "val"] = "last",
    score: bool = True,
    resume: bool = False,
    overwrite: bool = False,
) -> None:
    """Train a classifier; leaves settings, metrics, checkpoints, the robustness report and model/ in the run folder.

    Args:
        run: The run folder.
        data: Which clips.
        model: Architecture.
        method: What is optimised.
        optim: Optimiser and schedule.
        engine: Devices, precision, seed.
        init: Model folders to fine-tune from: one gives all that fits, several give their encoders.
        init_parts: What is taken from them: all, encoders (space and time) or space.
        freeze_init: Train only the rest.
        select: Which epoch is the result: the last, or the best on the validation clips.
        score: Score the test clips at the end.
        resume: Go on from the last checkpoint, if there is one.
        overwrite: Replace an earlier run in this folder.
    """
    from actionmae.training.train import train as run_training

    folder = run_training(
        run,
        data=data,
        model=model,
        method=method,
        optim=optim,
        engine=engine,
        init=tuple(init or ()),
        init_parts=init_parts,
        freeze_init=freeze_init,
        select=select,
        score=score,
        resume=resume,
        overwrite=overwrite,
    )
    table = folder.parent / "robustness.json"
    if not _is_first_process():
        return
    if table.is_file():
        from actionmae.evaluation.table import RobustnessTable

        print(RobustnessTable.from_json(table.read_text(encoding="utf-8")).to_text())
    print(f"model: {folder}")


def evaluate(
    *,
    model: Path,
    manifest: Path,
    protocol: str = "split",
    split: Split = "test",
    out: Path | None = None,
    frame_loss: bool = False,
    specialists: dict[str, float] | None = None,
    devices: int = 1,
    accelerator: Literal["auto", "cpu", "cuda"] = "auto",
    batch_size: int = 32,
    num_workers: int = 0,
) -> None:
    """Score a model on every subset of its modalities and print the robustness table.

    Args:
        model: Model folder.
        manifest: CSV with the clips; its labels are matched with the model's classes by name.
        protocol: "split" = the manifest's split column; otherwise a data set's rule, as in utd_mhad/cross-subject.
        split: Which clips.
        out: Folder for scores.npz, robustness.json, .csv and .md; default: evaluation/ beside the model folder.
        frame_loss: Also score clips that lost a share of their frames.
        specialists: Top-1 in percent of models trained on one subset alone, as in {R: 80.1, D: 70.5}; adds the gap.
        devices: Processes; with GPUs, one on each. The counts do not depend on it.
        accelerator: Where.
        batch_size: Clips per batch.
        num_workers: Processes that decode, for each device.
    """
    from actionmae.training.evaluate import evaluate_model

    with _bar("scoring") as move:
        table, curves = evaluate_model(
            model,
            manifest,
            protocol=protocol,
            split=split,
            out=out if out is not None else model.parent / "evaluation",
            frame_loss=frame_loss,
            specialists=specialists,
            devices=devices,
            accelerator=accelerator,
            batch_size=batch_size,
            num_workers=num_workers,
            progress=move,
        )
    print(table.to_text())
    for curve in curves:
        pairs = zip(curve.shares, curve.top1, strict=True)
        values = ", ".join(f"{100 * share:.0f} %: {top1:.1f}" for share, top1 in pairs)
        print(f"top-1 by share of lost {curve.kind}: {values}")


def report(
    *, runs: list[str], out: Path = Path("report.html"), manifest: Path | None = None, title: str = "Robustness report"
) -> None:
    """Write one self-contained HTML page about evaluated models, side by side.

    Args:
        runs: Run folders, or folders that evaluate wrote, as FOLDER or NAME=FOLDER; folders with the same name are
            seeds of one method, shown as mean and spread.
        out: The page; the same in Markdown and CSV beside it.
        manifest: Where sample frames are taken from.
        title: Heading.
    """
    from actionmae.training.report import report_runs

    for path in report_runs(runs, out, manifest=manifest, title=title):
        print(path)


def predict(
    *,
    model: Path,
    inputs: list[str],
    top: int = 5,
    json: bool = False,
    device: str = "cpu",
) -> None:
    """Predict one clip from whichever of its recordings exist.

    Args:
        model: Model folder.
        inputs: modality=path, for example rgb=a.avi depth=a_depth/
        top: How many classes to print.
        json: Print JSON.
        device: cpu, cuda, …
    """
    from actionmae.deploy.predictor import Predictor

    files: dict[str, Any] = {}
    for item in inputs:
        name, equals, path = item.partition("=")
        if not equals or not name or not path or name in files:
            raise ValueError(f"input {item!r} cannot be used: give each modality once as name=path, as in rgb=a.avi")
        files[name] = path
    prediction = Predictor.load(model, device=device).predict_many([files], top=top)[0]  # any name, even "top"
    if json:
        print(json_format.dumps(prediction.to_dict(), indent=2, ensure_ascii=False))
        return
    print(
        f"from {' + '.join(prediction.available)}"
        + (f" (missing: {', '.join(prediction.missing)})" if prediction.missing else "")
    )
    for name, probability in zip(prediction.classes, prediction.probabilities, strict=True):
        print(f"{100 * probability:5.1f} %  {name}")


def embed(
    *,
    model: Path,
    manifest: Path,
    out: Path,
    protocol: str = "split",
    split: Split = "all",
    batch_size: int = 32,
    num_workers: int = 0,
    accelerator: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Write the modality tokens of every clip to one .npz file.

    Args:
        model: Model folder.
        manifest: CSV with the clips; labels may be empty.
        out: .npz with tokens [n, M, C], filled [n, M, C] (missing tokens reconstructed), available [n, M], sample_ids,
            modalities.
        protocol: As in evaluate; only used when a split is chosen.
        split: Which clips.
        batch_size: Clips per batch.
        num_workers: Processes that decode.
        accelerator: Where.
    """
    from actionmae.training.evaluate import embed_clips

    with _bar("embedding") as move:
        count = embed_clips(
            model,
            manifest,
            out,
            protocol=protocol,
            split=split,
            batch_size=batch_size,
            num_workers=num_workers,
            accelerator=accelerator,
            progress=move,
        )
    print(f"{out}: {count} clips")


VERBS: dict[str, Callable[..., int | None]] = {
    verb.__name__: verb for verb in (demo, prepare, check, train, evaluate, report, predict, embed)
}
_POSITIONAL: dict[str, dict[str, str | None]] = {
    "check": {"manifest": None},
    "predict": {"model": None, "inputs": "+"},
    "report": {"runs": "+"},
}
"""Arguments that are given by position, with their `nargs`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0 = done, 1 = check found errors, 2 = bad input (one sentence on stderr), 130 = interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        import actionmae

        print(actionmae.__version__)
        return 0
    verb, *rest = words
    if verb not in VERBS:
        print(f"actionmae: unknown verb {verb!r}: choose one of {', '.join(VERBS)}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    level = logging.DEBUG if debug else logging.INFO
    logging.getLogger("actionmae").setLevel(level if _is_first_process() else logging.WARNING)
    try:
        return _run(verb, rest)
    except KeyboardInterrupt:
        print(f"actionmae {verb}: interrupted", file=sys.stderr)
        return 130
    except (ValueError, KeyError, OSError, ImportError) as error:
        if debug:
            raise
        print(f"actionmae {verb}: {_sentence(error)}", file=sys.stderr)
        return 2


def _run(verb: str, words: list[str]) -> int:
    try:
        return VERBS[verb](**_parse(verb, words)) or 0
    except RuntimeError:
        from actionmae.core.install_check import check_install

        check_install()  # a torchvision that does not fit torch becomes one sentence
        raise


def _is_first_process() -> bool:
    """Several devices run the command once each; one of them speaks."""
    ranks = (os.environ.get(name, "0") for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return all(rank == "0" for rank in ranks)


def _parse(verb: str, words: list[str]) -> dict[str, Any]:
    """Typed arguments of a verb.

    Raises:
        ValueError: In one sentence, if they do not fit its signature.
    """
    import jsonargparse

    function = VERBS[verb]
    positional = _POSITIONAL.get(verb, {})
    parser = jsonargparse.ArgumentParser(
        prog=f"actionmae {verb}", description=(inspect.getdoc(function) or "").splitlines()[0], exit_on_error=False
    )
    parser.add_argument("--config", action="config", help="YAML file with any of the arguments below")
    hints = inspect.signature(function).parameters
    for name, nargs in positional.items():
        options: dict[str, Any] = {"nargs": nargs} if nargs else {}
        parser.add_argument(name, type=Path if "Path" in str(hints[name].annotation) else str, **options)
    parser.add_function_arguments(function, skip=set(positional))
    flags = {f"--{name}" for name, hint in hints.items() if hint.annotation is bool}
    flags |= {flag.replace("_", "-") for flag in flags}
    try:
        parsed = parser.instantiate(parser.parse_args(_complete(words, flags)))
    except jsonargparse.ArgumentError as error:
        raise ValueError(f"{_sentence(error)} (actionmae {verb} --help lists all arguments)") from error
    return {name: parsed[name] for name in hints}


def _complete(words: list[str], flags: set[str]) -> list[str]:
    """`--frame-loss` means `--frame_loss true`."""
    out: list[str] = []
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        out.append(name.replace("-", "_").replace("__", "--", 1) + equals + value if name.startswith("--") else word)
        bare = name in flags and not equals
        if bare and (at + 1 == len(words) or words[at + 1].lower() not in ("true", "false")):
            out.append("true")
    return out


def _overview() -> str:
    lines = ["usage: actionmae VERB … (actionmae VERB --help lists its arguments)", ""]
    for name, verb in VERBS.items():
        lines.append(f"  {name:10}{(inspect.getdoc(verb) or '').splitlines()[0]}")
    return "\n".join([*lines, "", "  --debug shows the traceback of an error, --version the version"])


def _sentence(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


@contextmanager
def _bar(name: str) -> Iterator[Callable[..., None]]:
    """A progress bar on stderr; yields move(steps, total), where total may come later or never."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None)

        def move(steps: int, total: int | None = None) -> None:
            progress.update(task, advance=steps, total=total)

        yield move


if __name__ == "__main__":
    sys.exit(main())

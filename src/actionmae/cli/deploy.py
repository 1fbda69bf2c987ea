"""The verbs that put a trained model to work elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionmae.data.manifest import ClipRow


def export(model: Path, *, out: Path, int8: Path | None = None, protocol: str = "split") -> None:
    """Write a model as ONNX graphs that run without PyTorch; needs the extra `export`.

    Args:
        model: Model folder.
        out: The new folder; of an older export there the files are replaced, and all others stay.
        int8: Manifest: training clips calibrate encoders with 8-bit convolutions, test clips say what these cost.
        protocol: Which clips are whose: "split" = the manifest's split column; otherwise a data set's rule.
    """
    from rich.console import Console

    from actionmae.inference.export import check_export_place, export_model, require_export_packages

    require_export_packages()
    check_export_place(out)
    clips = None if int8 is None else _clips(model, int8, protocol)
    with Console(stderr=True).status("exporting") as status:
        config = export_model(model, out, progress=status.update)
    worst = max(config.parity, key=lambda name: config.parity[name])
    print(f"{out}: {len(config.graphs)} graphs")
    print(f"differs from PyTorch by {config.parity[worst]:.1e} at most (probability, from {worst})")
    if clips is None:
        return
    from actionmae.inference.int8 import add_int8
    from actionmae.nn.checkpoint import load_model

    costs = add_int8(out, load_model(model), *clips).int8_top1
    print("top-1 of 8-bit convolutions, and of float:")
    for name, (before, after) in costs.items():
        print(f"  {name}: {after:.1f} ({before:.1f})")


def _clips(model: Path, manifest: Path, protocol: str) -> "tuple[tuple[ClipRow, ...], tuple[ClipRow, ...]]":
    """Training and test clips that a model can score."""
    from actionmae.core.modality import ModalitySet
    from actionmae.data.manifest import read_manifest
    from actionmae.data.splits import check_labels, rows_for_model, split_rows
    from actionmae.nn.checkpoint import read_config

    read, config = read_manifest(manifest), read_config(model)
    modalities = ModalitySet.from_list(config.modalities)
    train, test = (
        rows_for_model(read, split_rows(read, protocol=protocol, split=split), modalities)
        for split in ("train", "test")
    )
    check_labels(test, config.classes)
    return train, test


def stream(
    model: Path,
    inputs: list[str],
    *,
    window: float,
    stale_after: float | None = None,
    every: float = 0.1,
    fail: list[str] | None = None,
    top: int = 3,
    min_confidence: float = 0.0,
    health: bool = False,
    json: bool = False,
    device: str = "cpu",
    int8: bool = False,
) -> None:
    """Classify live sensors, or recordings played in real time, until all have ended or Ctrl-C.

    Args:
        model: Model folder, or a folder that export wrote.
        inputs: modality=source each; a source is a camera (0, 1, …), an address (rtsp://…), or a recording.
        window: Seconds of the past that an answer is about: as long as the clips that the model was trained on.
        stale_after: A sensor whose last frame is older counts as missing; default: a quarter of the window.
        every: Seconds from one answer to the next.
        fail: Sensors that are to fail, and when, as in depth@2s-5s.
        top: How many classes to show.
        min_confidence: Below this probability the answer is "don't know".
        health: Treat sensors that are recognisably broken as missing; the model must be calibrated.
        json: One line of JSON an answer, also on a terminal.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps; an export runs on the CPU.
        int8: Use an export's 8-bit convolutions.
    """
    import json as json_format
    import sys

    from actionmae.cli.clips import recordings
    from actionmae.cli.live_view import show_live
    from actionmae.inference.stream import StreamPredictor
    from actionmae.inference.stream_run import Outage, run_stream
    from actionmae.inference.stream_sources import WallClock, open_sources

    words = recordings(inputs)
    predictor = StreamPredictor.load(
        model,
        window_seconds=window,
        stale_after=stale_after,
        min_confidence=min_confidence,
        health=health,
        device=device,
        int8=int8,
    )
    outages = [Outage.parse(text, list(words)) for text in fail or ()]
    clock = WallClock()
    sources = open_sources(words, predictor.model.modalities, clock)
    answers = run_stream(predictor, sources, clock, every=every, outages=outages, top=top)
    if sys.stdout.isatty() and not json:
        show_live(answers)
        return
    for answer in answers:
        print(json_format.dumps(answer.to_dict(), ensure_ascii=False), flush=True)


def push(
    model: Path,
    name: str,
    *,
    table: Path | None = None,
    datasets: list[str] | None = None,
    license: str | None = None,
    private: bool = False,
    endpoint: str | None = None,
) -> None:
    """Share a model folder on a model hub; needs the extra `hub` and `hf auth login`.

    Args:
        model: Model folder.
        name: owner/name; made if it does not exist.
        table: robustness.json with the results for the card; default: the one beside the model folder.
        datasets: Names of the training data on the hub; default: that of the training's protocol.
        license: As the hub names it, for example apache-2.0.
        private: Whether a new repository is private.
        endpoint: Address of another hub.
    """
    from actionmae.inference.hub import push_to_hub

    print(
        push_to_hub(
            model, name, table=table, datasets=datasets or (), license=license, private=private, endpoint=endpoint
        )
    )

"""A new frame of every live sensor, against encoding the whole window again."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from actionmae.inference.export import write_config
from actionmae.inference.onnx_model import read_export
from actionmae.inference.stream import StreamPredictor
from actionmae.inference.stream_model import StreamModel
from actionmae.inference.stream_onnx import OnnxStreamModel
from actionmae.inference.stream_torch import TorchStreamModel
from benchmarks.result import Result
from benchmarks.setup import NAMES, Sizes, export_once, make_model, make_small_model
from benchmarks.timing import interleave

WINDOW, FPS = 2.0, 30


class _Anew(TorchStreamModel):
    """Keeps frames instead of their features."""

    def keeps_features(self, name: str) -> bool:
        return False


class Rig:
    """Sensors that each give a random frame whenever they are asked."""

    def __init__(self, stream: StreamPredictor, pixels: int) -> None:
        self.stream, self.at = stream, 0
        rng = np.random.default_rng(0)
        shape = (pixels, pixels * 4 // 3)
        self.frames = {
            "rgb": rng.integers(0, 255, (*shape, 3)).astype(np.uint8),
            "depth": rng.integers(500, 5000, shape).astype(np.uint16),
            "ir": rng.integers(0, 255, shape).astype(np.uint8),
        }

    def push(self) -> None:
        """One frame of each."""
        self.at += 1
        for name, frame in self.frames.items():
            self.stream.push(name, frame, self.at / FPS)

    def step(self) -> None:
        """One frame of each, and the answer."""
        self.push()
        self.stream.predict(self.at / FPS)


def run(sizes: Sizes, device: str) -> Result:
    """Time one step of a stream with a full window, features kept and not, in PyTorch and as an export."""
    rows: list[tuple[str, ...]] = []
    seconds: dict[str, list[float]] = {}
    models = {sizes.encoders[0]: make_model(sizes, sizes.encoders[0], device=device)}
    if sizes.small:
        models["grid_cnn"] = make_small_model(sizes, device=device)
    for encoder, model in models.items():
        pixels = model.modalities[0].shape[-1]
        with TemporaryDirectory() as place:
            kinds: dict[str, tuple[StreamModel, StreamModel]] = {"PyTorch": (TorchStreamModel(model), _Anew(model))}
            if device == "cpu":
                kinds["ONNX Runtime"] = _exported(export_once(sizes, encoder), Path(place))
            for by, (kept, anew) in kinds.items():
                speed, times = _compare(kept, anew, pixels, sizes.rounds, device)
                rows.append((f"{encoder}, {pixels}²", by, *speed))
                seconds |= {f"{encoder}, {by}, {case}": values for case, values in times.items()}
    return Result(
        title="A new frame of every sensor in a stream",
        about=(
            f"{'+'.join(NAMES)}, a window of {sizes.frames} frames per sensor. One step is a new frame of each sensor "
            "and the answer; features are kept, or the window is encoded again."
        ),
        columns=("encoder", "run by", "features kept, ms", "window anew ÷ kept", "kept, p99 ms", "frames/s of each"),
        rows=rows,
        seconds=seconds,
    )


def _compare(
    kept: StreamModel, anew: StreamModel, pixels: int, rounds: int, device: str
) -> tuple[tuple[str, ...], dict[str, list[float]]]:
    rigs = {
        name: Rig(StreamPredictor(model, window_seconds=WINDOW), pixels)
        for name, model in (("kept", kept), ("anew", anew))
    }
    for _ in range(round(WINDOW * FPS)):
        for rig in rigs.values():
            rig.push()
    times = interleave({name: rig.step for name, rig in rigs.items()}, rounds=rounds, device=device)
    lags = []
    for _ in range(20 * rounds):
        start = time.perf_counter()
        rigs["kept"].step()
        lags.append(time.perf_counter() - start)
    p50, p99 = np.percentile(lags, (50, 99))
    cells = (
        str(times.of("kept", scale=1000)),
        str(times.ratio("anew", "kept")),
        f"{1000 * p99:.1f}",
        f"{1 / p50:.1f}",
    )
    return cells, times.seconds | {"lag": lags}


def _exported(kept: Path, anew: Path) -> tuple[StreamModel, StreamModel]:
    """An export with its encoders' halves, and a copy that tells of none."""
    threads = torch.get_num_threads()
    shutil.copytree(kept, anew, dirs_exist_ok=True)
    config = read_export(kept)
    whole = {part: file for part, file in config.graphs.items() if " " not in part}
    write_config(anew, replace(config, graphs=whole))
    return OnnxStreamModel(kept, threads=threads), OnnxStreamModel(anew, threads=threads)

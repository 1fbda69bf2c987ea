"""A new frame of every live sensor, against encoding the whole window again."""

import time

import numpy as np

from actionmae.inference.stream import StreamPredictor
from actionmae.inference.stream_torch import TorchStreamModel
from benchmarks.result import Result
from benchmarks.setup import NAMES, Sizes, make_model
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
    """Time one step of a stream with a full window, features kept and not."""
    model = make_model(sizes, sizes.encoders[0], device=device)
    rigs = {
        name: Rig(StreamPredictor(kind(model), window_seconds=WINDOW), sizes.pixels)
        for name, kind in (("kept", TorchStreamModel), ("anew", _Anew))
    }
    for _ in range(round(WINDOW * FPS)):
        for rig in rigs.values():
            rig.push()
    times = interleave({name: rig.step for name, rig in rigs.items()}, rounds=sizes.rounds, device=device)
    lags = []
    for _ in range(20 * sizes.rounds):
        start = time.perf_counter()
        rigs["kept"].step()
        lags.append(time.perf_counter() - start)
    p50, p99 = np.percentile(lags, (50, 99))
    return Result(
        title="A new frame of every sensor in a stream",
        about=(
            f"{'+'.join(NAMES)}, {sizes.encoders[0]}, a window of {sizes.frames} frames of {sizes.pixels}² per sensor. "
            "One step is a new frame of each sensor and the answer; features are kept, or the window is encoded again."
        ),
        columns=("features kept, s", "window anew ÷ kept", "kept, p50 ms", "p99 ms", "frames/s of each sensor"),
        rows=[
            (
                str(times.of("kept")),
                str(times.ratio("anew", "kept")),
                f"{1000 * p50:.1f}",
                f"{1000 * p99:.1f}",
                f"{1 / p50:.1f}",
            )
        ],
        seconds=times.seconds | {"lag": lags},
        figures={"p50": float(p50), "p99": float(p99)},
    )

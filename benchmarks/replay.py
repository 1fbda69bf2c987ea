"""A rig that runs for ten minutes: does its memory grow, and how old is an answer when it comes?"""

import time
from pathlib import Path

import numpy as np

from actionmae.inference.stream import StreamPredictor
from actionmae.inference.stream_run import run_stream
from actionmae.inference.stream_sources import Stamped, WallClock
from actionmae.inference.stream_torch import TorchStreamModel
from benchmarks.result import Result
from benchmarks.setup import NAMES, Sizes, make_small_model

WINDOW, FPS, EVERY = 2.0, 30, 0.1


class Endless:
    """A camera of random images in real time; the newest wins.

    Args:
        image: Every frame.
        seconds: After these it ends.
    """

    def __init__(self, image: np.ndarray, seconds: float) -> None:
        self._image, self._frames, self._given, self.skipped = image, int(seconds * FPS), 0, 0

    @property
    def ended(self) -> bool:
        """See `Source`."""
        return self._given >= self._frames

    def poll(self, now: float) -> list[Stamped]:
        """See `Source`."""
        due = min(int(now * FPS), self._frames)
        if due <= self._given:
            return []
        self.skipped += due - self._given - 1
        self._given = due
        return [(self._image, due / FPS)]

    def close(self) -> None:
        """See `Source`."""


def run(sizes: Sizes, device: str) -> Result:
    """Replay minutes of frames as fast as they are encoded, then a while in real time, with one to three sensors."""
    model = TorchStreamModel(make_small_model(sizes, device=device))
    rows: list[tuple[str, ...]] = []
    seconds: dict[str, list[float]] = {}
    for count in range(1, len(NAMES) + 1):
        images = dict(list(_images().items())[:count])
        length = sizes.replay_seconds / (1 if count == len(NAMES) else 10)
        rate, early, late = _accelerated(_stream(model), images, length)
        lags, skipped = _live(_stream(model), images, sizes.live_seconds)
        p50, p99 = (f"{1000 * value:.0f}" for value in np.percentile(lags, (50, 99)))
        growth = f"{late - early:+.1f} MB ({early:.0f} → {late:.0f})"
        rows.append((str(count), f"{rate:.0f}", growth, p50, p99, f"{100 * skipped:.1f}"))
        seconds[f"lag of {count}"] = lags
    return Result(
        title="A stream that runs for long",
        about=(
            f"grid_cnn, {sizes.frames} frames of 48² in a window of {WINDOW:g} s, cameras of {FPS} frames/s, an answer "
            f"every {EVERY} s. {sizes.replay_seconds:g} s of frames (a tenth with fewer sensors) as fast as they are "
            "encoded: frames/s of each sensor with the answers, and the process's memory after a tenth and at the end. "
            f"Then {sizes.live_seconds:g} s in real time: from the newest frame's stamp to the answer, and frames "
            "that a newer one replaced."
        ),
        columns=("sensors", "frames/s of each", "memory", "lag p50, ms", "p99, ms", "passed over, %"),
        rows=rows,
        seconds=seconds,
    )


def _accelerated(stream: StreamPredictor, images: dict[str, np.ndarray], length: float) -> tuple[float, float, float]:
    frames, started, early = int(length * FPS), time.perf_counter(), 0.0
    for at in range(frames):
        for name, image in images.items():
            stream.push(name, image, at / FPS)
        if at % round(EVERY * FPS) == 0:
            stream.predict(at / FPS)
        if at == frames // 10:
            early = _resident()
    return frames / (time.perf_counter() - started), early, _resident()


def _live(stream: StreamPredictor, images: dict[str, np.ndarray], length: float) -> tuple[list[float], float]:
    clock = WallClock()
    sources = {name: Endless(image, length) for name, image in images.items()}
    lags = []
    for answer in run_stream(stream, sources, clock, every=EVERY):
        ages = [sensor.age for sensor in answer.sensors.values() if sensor.age is not None]
        if ages:
            lags.append(clock.time() - answer.time + min(ages))
    return lags, sum(source.skipped for source in sources.values()) / (length * FPS * len(sources))


def _resident() -> float:
    """MB of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _images() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "rgb": rng.integers(0, 255, (120, 160, 3)).astype(np.uint8),
        "depth": rng.integers(500, 5000, (120, 160)).astype(np.uint16),
        "ir": rng.integers(0, 255, (120, 160)).astype(np.uint8),
    }


def _stream(model: TorchStreamModel) -> StreamPredictor:
    return StreamPredictor(model, window_seconds=WINDOW)

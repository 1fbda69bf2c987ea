"""Interleaved timing: A B C A B C …, so that a machine whose speed drifts does not favour one of them."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of the rounds; seconds or a ratio."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.low)}–{_short(self.high)})"


@dataclass(frozen=True)
class Times:
    """Seconds of every case in every round."""

    seconds: dict[str, list[float]]

    def of(self, case: str, *, scale: float = 1.0) -> Spread:
        """Seconds of one case, times `scale`."""
        return spread([value * scale for value in self.seconds[case]])

    def rate(self, case: str, work: float) -> Spread:
        """`work` per second."""
        return spread([work / value for value in self.seconds[case]])

    def ratio(self, case: str, base: str, *, scale: float = 1.0) -> Spread:
        """Time of `case` over that of `base`, paired by round, times `scale`."""
        pairs = zip(self.seconds[case], self.seconds[base], strict=True)
        return spread([scale * value / other for value, other in pairs])


def spread(values: list[float]) -> Spread:
    """Median and range."""
    return Spread(statistics.median(values), min(values), max(values))


def interleave(cases: Mapping[str, Callable[[], object]], *, rounds: int, device: str) -> Times:
    """Run every case once in every round; a first round is not timed.

    Args:
        cases: What to time.
        rounds: Repeats of the whole sequence.
        device: "cpu", or "cuda", whose work is waited for.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    gc.collect()
    gc.disable()  # no case pays for another's garbage
    try:
        for at in range(-1, rounds):
            for name, run in cases.items():
                _wait(device)
                started = time.perf_counter()
                run()
                _wait(device)
                if at >= 0:
                    seconds[name].append(time.perf_counter() - started)
    finally:
        gc.enable()
    return Times(seconds)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"

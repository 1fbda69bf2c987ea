"""A long recording as sliding windows, and windows of equal label as segments. No torch.

Each window is a clip of its own: at each position in its time, every sensor gives its frame nearest to that moment.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.data.reading.readers import ChosenFrames, FrameReader
from actionmae.inference.prediction import Prediction

_Times = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of a recording.

    Attributes:
        start: Seconds, on the recording's clock.
        end: Seconds.
        readers: By modality; those that have a frame in it.
    """

    start: float
    end: float
    readers: Mapping[str, FrameReader]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Windows in a row with one answer.

    Attributes:
        start: Seconds.
        end: Seconds.
        label: Class name; None = the model was not sure.
        probability: Mean over the windows of their best class's probability, 0–1.
    """

    start: float
    end: float
    label: str | None
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def slide(readers: Mapping[str, FrameReader], *, window: float, stride: float) -> Iterator[Window]:
    """Cut a recording into windows; the last one ends with the recording, a shorter recording is one clip as it is.

    Sensors with a clock lie where it says; all others last as long as the whole recording.

    Args:
        readers: By modality.
        window: Seconds of each.
        stride: Seconds from one to the next.

    Raises:
        ValueError: If a number is not above 0, the stride is shorter than half a frame, or no sensor knows its time.
    """
    if not (0 < window < np.inf and 0 < stride < np.inf):
        raise ValueError(f"window is {window} s and stride {stride} s: give numbers above 0")
    begin, end, moments = frame_moments(readers)
    if end - begin <= window:
        yield Window(start=begin, end=end, readers=readers)
        return
    least = (end - begin) / max(reader.num_frames for reader in readers.values()) / 2
    if stride < least:
        raise ValueError(f"stride is {stride} s: give at least {least:.3g} s, half a frame")
    count = 1 + int(np.ceil((end - begin - window) / stride - 1e-9))
    for at in range(count):
        start = min(begin + at * stride, end - window)
        stop = start + window
        parts = {}
        for name, reader in readers.items():
            behind = None if at == count - 1 else np.searchsorted(moments[name], stop)
            frames = np.arange(reader.num_frames)[np.searchsorted(moments[name], start) : behind]
            if len(frames):
                parts[name] = ChosenFrames(reader, frames, moments[name][frames], (start, stop))
        if parts:
            yield Window(start=start, end=stop, readers=parts)


def frame_moments(readers: Mapping[str, FrameReader]) -> tuple[float, float, dict[str, _Times]]:
    """The first and the last second of the recording, and when each sensor's frames were taken."""
    clocks = {name: reader.times for name, reader in readers.items() if reader.times is not None}
    lengths = [reader.num_frames / reader.fps for reader in readers.values() if reader.fps]
    if clocks:
        begin = min(float(times[0]) for times in clocks.values())
        end = max(_end(times) for times in clocks.values())
    elif lengths:
        begin, end = 0.0, max(lengths)
    else:
        raise ValueError(
            f"none of {', '.join(readers)} knows its frames per second: write them behind the path, as in a.npy@30fps"
        )
    spread = {
        name: begin + (np.arange(reader.num_frames) + 0.5) / reader.num_frames * (end - begin)
        for name, reader in readers.items()
    }
    return begin, end, spread | clocks


def _end(times: _Times) -> float:
    """The last frame lasts as long as most do."""
    return float(times[-1]) + (float(np.median(np.diff(times))) if len(times) > 1 else 0.0)


def merge_windows(windows: Sequence[tuple[Window, Prediction]]) -> list[Segment]:
    """Segments without gaps or overlap: where windows of different answers overlap, the middle of the overlap decides.

    Args:
        windows: In order of time.
    """
    segments: list[Segment] = []
    runs: list[list[tuple[Window, Prediction]]] = []
    for each in windows:
        if runs and _answer(runs[-1][-1][1]) == _answer(each[1]) and each[0].start <= runs[-1][-1][0].end:
            runs[-1].append(each)
        else:
            runs.append([each])
    for at, run in enumerate(runs):
        start, end = run[0][0].start, run[-1][0].end
        if at and runs[at - 1][-1][0].end > start:
            start = (runs[at - 1][-1][0].end + start) / 2
        if at + 1 < len(runs) and runs[at + 1][0][0].start < end:
            end = (end + runs[at + 1][0][0].start) / 2
        mean = sum(prediction.probabilities[0] for _, prediction in run) / len(run)
        segments.append(Segment(start=start, end=end, label=_answer(run[0][1]), probability=mean))
    return segments


def _answer(prediction: Prediction) -> str | None:
    return prediction.label if prediction.sure else None

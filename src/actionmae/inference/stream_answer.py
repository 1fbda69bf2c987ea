"""What a stream says at a moment: an answer, and how each sensor is. No torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from actionmae.inference.prediction import Prediction

State = Literal["live", "stale", "silent"]
"""Gives frames; gave frames, the last is too old; has not given any."""


@dataclass(frozen=True, kw_only=True)
class SensorState:
    """One sensor at the moment of an answer.

    Attributes:
        state: live, stale or silent.
        age: Seconds since its last frame; None = there was none.
        fps: Frames (samples) per second, the median of what is kept; None with fewer than 2.
        late: Frames that were too late to be kept.
        duplicates: Frames with a stamp that was there already.
        out_of_order: Frames that came after a later one.
        restarts: How often its clock has jumped back for good.
        drift: Seconds by which its clock has moved against the caller's, where arrivals are told.
        broken: Why the health check has taken it out; None = it has not.
    """

    state: State
    age: float | None
    fps: float | None
    late: int
    duplicates: int
    out_of_order: int
    restarts: int
    drift: float
    broken: str | None = None


@dataclass(frozen=True, kw_only=True)
class StreamAnswer:
    """What the model says about the window that ends at a moment.

    Attributes:
        time: The moment, seconds on the caller's clock.
        prediction: None if no sensor is live and sound, or the model does not predict from those that are.
        state: ok, no sensor, or unsupported.
        sensors: By modality.
    """

    time: float
    prediction: Prediction | None
    state: Literal["ok", "no sensor", "unsupported"]
    sensors: Mapping[str, SensorState]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        said = {} if self.prediction is None else self.prediction.to_dict()
        sensors = {name: asdict(state) for name, state in self.sensors.items()}
        return {"time": self.time, "state": self.state, **said, "sensors": sensors}

"""What a model says about a clip, and why. No torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What one sensor contributes to an answer.

    Attributes:
        modality: The sensor.
        label: What the model says from this sensor alone; None where it does not predict from it alone.
        probability: Of that label, 0–1.
        leave_one_out: The probability that the answer loses without this sensor, −1 to 1 (below 0 = it gains); None
            where the model does not predict without it.
    """

    modality: str
    label: str | None
    probability: float | None
    leave_one_out: float | None


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model says about one clip.

    Attributes:
        classes: The most probable class names, best first.
        probabilities: Theirs, 0–1; calibrated if the model is.
        available: Modalities that were used.
        missing: Modalities of the model that were not given.
        broken: Modalities that were given but not used, and the reason in words.
        sure: The best probability reaches the threshold that was asked for.
        votes: One for each available modality, if asked for.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    available: tuple[str, ...]
    missing: tuple[str, ...]
    broken: Mapping[str, str] = field(default_factory=dict)
    sure: bool = True
    votes: tuple[Vote, ...] = ()

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.classes[0]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        ranked = zip(self.classes, self.probabilities, strict=True)
        found = {
            "classes": [{"name": name, "probability": probability} for name, probability in ranked],
            "available": list(self.available),
            "missing": list(self.missing),
            "broken": dict(self.broken),
            "sure": self.sure,
        }
        return found | ({"votes": [asdict(vote) for vote in self.votes]} if self.votes else {})


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A clip from which nothing could be predicted.

    Attributes:
        reason: In words.
    """

    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"error": self.reason}

"""What a model says about a clip. No torch."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model says about one clip.

    Attributes:
        classes: The most probable class names, best first.
        probabilities: Theirs, 0–1.
        available: Modalities that were used.
        missing: Modalities of the model that were not given.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    available: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.classes[0]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        ranked = zip(self.classes, self.probabilities, strict=True)
        return {
            "classes": [{"name": name, "probability": probability} for name, probability in ranked],
            "available": list(self.available),
            "missing": list(self.missing),
        }

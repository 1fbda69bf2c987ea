"""What a model has learnt about itself on clips that it was not trained on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Ranges = dict[str, dict[str, tuple[float, float]]]
"""By modality and measure, the lowest and the highest value of a healthy clip."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Temperatures of the logits (Guo et al. 2017), and what healthy recordings look like.

    Attributes:
        pooled: Temperature of subsets that are not in `temperatures`, above 0.
        temperatures: By subset, as in "R+D"; above 0.
        healthy: Ranges of `inference.health`'s measures; empty = unknown.
    """

    pooled: float
    temperatures: dict[str, float] = field(default_factory=dict)
    healthy: Ranges = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in {"pooled": self.pooled, **self.temperatures}.items():
            if not 0 < value < float("inf"):
                raise ValueError(f"temperature of {name} is {value}: it must be above 0")

    def temperature(self, subset: str) -> float:
        """Of a subset, as in "R+D"."""
        return self.temperatures.get(subset, self.pooled)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data from which `from_dict` rebuilds it."""
        ranges = {name: {key: list(ends) for key, ends in each.items()} for name, each in self.healthy.items()}
        return {"pooled": self.pooled, "temperatures": dict(self.temperatures), "healthy": ranges}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Calibration:
        """Rebuild it from `to_dict`.

        Raises:
            ValueError: If something is missing or of another form.
        """
        return msgspec.convert(fields, cls)

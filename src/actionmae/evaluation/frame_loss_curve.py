"""Accuracy against the fraction of frames lost, as numbers. No torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec

from actionmae.evaluation.intervals import Interval, wilson_interval


@dataclass(frozen=True, kw_only=True)
class FrameLossCurve:
    """How many clips are still right when a fraction of their frames is lost.

    Attributes:
        kind: frames = single frames at random; spans = everything after some moment (the sensor died).
        lost: Names of the modalities that lose frames.
        fractions: L fractions of lost frames, 0–1, ascending.
        n: Clips, each with whatever modalities exist for it.
        correct: L numbers of clips that are right.
    """

    kind: Literal["frames", "spans"]
    lost: tuple[str, ...]
    fractions: tuple[float, ...]
    n: int
    correct: tuple[int, ...]

    def __post_init__(self) -> None:
        fractions = list(self.fractions)
        if not fractions or fractions != sorted(set(fractions)) or fractions[0] < 0 or fractions[-1] > 1:
            raise ValueError(f"fractions of lost frames are {fractions}: give ascending ones between 0 and 1")
        if len(self.correct) != len(fractions) or not all(0 <= correct <= self.n for correct in self.correct):
            raise ValueError(f"{list(self.correct)} right of {self.n} clips does not fit {len(fractions)} fractions")
        if self.n < 1:
            raise ValueError("a curve of no clip: give n of at least 1")

    @property
    def top1(self) -> tuple[float, ...]:
        """L top-1 rates, percent."""
        return tuple(100 * correct / self.n for correct in self.correct)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """L Wilson 95 % intervals, percent."""
        found = (wilson_interval(correct, self.n) for correct in self.correct)
        return tuple((100 * low, 100 * high) for low, high in found)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data from which `from_dict` rebuilds the curve."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "FrameLossCurve":
        """Rebuild a curve from `to_dict`.

        Raises:
            ValueError: If a field is missing, of another type or out of range.
        """
        # Older files say "shares".
        return msgspec.convert({"fractions": fields.get("shares"), **fields}, cls)

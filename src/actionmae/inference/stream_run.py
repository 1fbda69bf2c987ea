"""A run: sources → `StreamPredictor` → answers, in real time. What cannot be kept up with is passed over. No torch."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from actionmae.core.choices import did_you_mean
from actionmae.inference.stream import StreamPredictor
from actionmae.inference.stream_answer import StreamAnswer
from actionmae.inference.stream_sources import Clock, Source

_FAILURE = re.compile(r"(\w+)@(\d+(?:\.\d+)?)s-(\d+(?:\.\d+)?)s")
_PAUSE = 0.005
"""Seconds between two looks at the sources."""


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A sensor that gives nothing for a while, to see what that costs.

    Attributes:
        modality: Which.
        start: Seconds from the start of the run.
        end: Likewise.
    """

    modality: str
    start: float
    end: float

    @classmethod
    def parse(cls, text: str, modalities: Sequence[str]) -> "Outage":
        """Read depth@2s-5s.

        Raises:
            ValueError: If it is none, or names no modality of the run.
        """
        match = _FAILURE.fullmatch(text)
        if match is None or float(match[2]) >= float(match[3]):
            raise ValueError(f"fail is {text!r}: write a sensor and from when to when it fails, as in depth@2s-5s")
        if match[1] not in modalities:
            raise ValueError(
                f"fail names {match[1]!r}{did_you_mean(match[1], modalities)}: this run has {', '.join(modalities)}"
            )
        return cls(modality=match[1], start=float(match[2]), end=float(match[3]))

    def hits(self, modality: str, stamp: float) -> bool:
        """Whether it swallows this frame."""
        return modality == self.modality and self.start <= stamp < self.end


def run_stream(
    predictor: StreamPredictor,
    sources: Mapping[str, Source],
    clock: Clock,
    *,
    every: float,
    outages: Sequence[Outage] = (),
    top: int = 5,
) -> Iterator[StreamAnswer]:
    """Answers until all sources have ended; the sources are closed then, or when the iteration is given up.

    Args:
        predictor: Whose modalities the sources have.
        sources: By modality.
        clock: Of the sources.
        every: Seconds from one answer to the next, at least.
        outages: Sensors that are to fail.
        top: How many classes an answer has.

    Raises:
        ValueError: If every is not above 0.
    """
    if not every > 0:
        raise ValueError(f"every is {every}: give seconds above 0")
    due = every
    try:
        while True:
            ended = all(source.ended for source in sources.values())
            for name, source in sources.items():
                for frame, stamp in source.poll(clock.time()):
                    if not any(outage.hits(name, stamp) for outage in outages):
                        predictor.push(name, frame, stamp)
            now = clock.time()
            if now >= due or ended:
                yield predictor.predict(now, top=top)
                due = max(due + every, now)
            if ended:
                return
            clock.sleep(_PAUSE)
    finally:
        for source in sources.values():
            source.close()

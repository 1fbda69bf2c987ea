"""What a model would say if sensors were off or broken from a moment on: a clip → its answers over time. No torch.

Shapes: n moments, M modality, C token, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySpec
from actionmae.core.subsets import format_subset
from actionmae.data.reading.readers import ChosenFrames, FrameReader
from actionmae.inference.calibrated import to_prediction
from actionmae.inference.clip_predictor import ClipPredictor
from actionmae.inference.faults import FAULTS, Degraded
from actionmae.inference.health import NOT_FINITE
from actionmae.inference.prediction import Prediction
from actionmae.inference.read_stored import StoredSample, read_stored, warn_of_clocks
from actionmae.inference.since import Since
from actionmae.inference.votes import cast_votes
from actionmae.inference.windows import frame_moments

_LASTING = ("black", "flat", "frozen")
"""Faults that last to the end of the recording: how long is their severity."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """What is done to one sensor.

    Attributes:
        state: on, off, or the name of a fault.
        since: Seconds from the start of the clip.
        severity: 1–5; black, flat and frozen sensors have none.
    """

    state: str = "on"
    since: float = 0.0
    severity: int = 3


@dataclass(frozen=True, kw_only=True)
class Moment:
    """An answer about what was seen until then.

    Attributes:
        time: Seconds from the start of the clip.
        sensors: Which gave frames.
        probabilities: [K], calibrated if the model is.
    """

    time: float
    sensors: tuple[str, ...]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a model says over a clip.

    Attributes:
        moments: In order; those without a usable sensor are left out.
        prediction: The last one, with votes.
        subset: Its sensors by letters, as tables name them.
        distances: Of each recorded sensor: 1 − cosine between its token as recorded and as reconstructed from the
            others that are left, 0–2; a sensor that cannot be reconstructed is no key.
    """

    moments: tuple[Moment, ...]
    prediction: Prediction
    subset: str
    distances: Mapping[str, float]


def states_of(spec: ModalitySpec) -> tuple[str, ...]:
    """The states that a switch of this modality may have."""
    return ("on", "off", *(fault.name for fault in FAULTS if fault.levels_for(spec)))


def switched(
    readers: Mapping[str, FrameReader], switches: Mapping[str, Switch], specs: Mapping[str, ModalitySpec]
) -> dict[str, FrameReader]:
    """The recordings as switched sensors would have made them; a sensor that is off from the start is no key.

    Raises:
        ValueError: If a sensor has no such state, or its fault cannot be made.
    """
    begin, end, moments = frame_moments(readers)
    found: dict[str, FrameReader] = {}
    for name, reader in readers.items():
        switch = switches.get(name, Switch())
        if switch.state not in states_of(specs[name]):
            raise ValueError(f"{name} cannot be {switch.state!r}: choose {', '.join(states_of(specs[name]))}")
        first = int(np.searchsorted(moments[name], begin + switch.since))
        if switch.state == "on":
            found[name] = reader
        elif switch.state != "off":
            found[name] = _broken(reader, specs[name], switch, first)
        elif first:
            found[name] = ChosenFrames(reader, np.arange(first), moments[name][:first], (begin, end))
    return found


def _broken(reader: FrameReader, spec: ModalitySpec, switch: Switch, first: int) -> FrameReader:
    (fault,) = (each for each in FAULTS if each.name == switch.state)
    if not 1 <= switch.severity <= 5:
        raise ValueError(f"severity is {switch.severity}: give 1 to 5")
    level = fault.levels_for(spec)[switch.severity - 1]
    if switch.state in _LASTING:
        level = 1 - first / reader.num_frames
    changed = fault.apply(Degraded(reader=reader, spec=spec, level=level, key=("what if", spec.name)))
    if changed is None:
        raise ValueError(f"{spec.name} cannot be {switch.state!r}: it does not know its frames per second")
    return Since(reader, changed, first)


def trace(
    predictor: ClipPredictor[Any],
    readers: Mapping[str, FrameReader],
    switches: Mapping[str, Switch],
    *,
    window: float | None = None,
    num_moments: int = 8,
    top: int = 5,
) -> Trace:
    """Answers over a clip, about all that was seen until each moment or about the last seconds.

    Args:
        predictor: Whose answers.
        readers: The recordings by modality; those that the model does not know are passed over.
        switches: By modality; others are on.
        window: Seconds of the past that an answer is about; None = all.
        num_moments: How many, spread evenly; the last is the end of the clip.
        top: Classes of the prediction.

    Raises:
        ValueError: If the model knows none of the recordings, no sensor is left, an answer is not finite, or a switch
            or window is wrong.
    """
    modalities = predictor.model.modalities
    known = {spec.name: readers[spec.name] for spec in modalities if spec.name in readers}
    if not known:
        raise ValueError(f"the clip has none of {', '.join(modalities.names)}: give at least one recording")
    if window is not None and not window > 0:
        raise ValueError(f"window is {window} s: give a number above 0")
    left = switched(known, switches, {spec.name: spec for spec in modalities})
    begin, end, times = frame_moments(known)
    ends = begin + (end - begin) * np.arange(1, num_moments + 1) / num_moments
    starts = np.full(num_moments, begin) if window is None else np.maximum(ends - window, begin)
    warn_of_clocks("the clip", known)
    parts = [_between(left, times, (start, stop), (begin, end)) for start, stop in zip(starts, ends, strict=True)]
    samples = [_read(predictor, f"{stop:.2f} s", part) for part, stop in zip(parts, ends, strict=True)]
    usable = [(float(stop - begin), each) for stop, each in zip(ends, samples, strict=True) if each is not None]
    if not usable:
        raise ValueError("no sensor is left that the model can answer from: switch one on")
    chosen = [sample for _, sample in usable]
    tokens, visible = predictor.encode(chosen), predictor.visible(chosen)
    probabilities = predictor.probabilities(tokens, visible)
    if not np.isfinite(probabilities).all():
        raise ValueError(f"no answer about the clip can be computed: {NOT_FINITE}")
    (votes,) = cast_votes(predictor.model, predictor.probabilities, tokens[-1:], visible[-1:])
    prediction = to_prediction(predictor.model, probabilities[-1], visible[-1], top=top, votes=votes)
    whole = predictor.encode([read_stored("the clip", known, modalities)])[0]
    return Trace(
        moments=tuple(
            Moment(time=time, sensors=tuple(sample.clips), probabilities=row)
            for (time, sample), row in zip(usable, probabilities, strict=True)
        ),
        prediction=prediction,
        subset=format_subset(tuple(np.flatnonzero(visible[-1]).tolist()), modalities),
        distances=_distances(predictor, tokens[-1], visible[-1], whole, tuple(known)),
    )


def _between(
    readers: Mapping[str, FrameReader],
    times: Mapping[str, NDArray[np.float64]],
    span: tuple[float, float],
    clip: tuple[float, float],
) -> Mapping[str, FrameReader]:
    """What the sensors gave within (start, stop] seconds."""
    if span == clip:
        return readers
    parts: dict[str, FrameReader] = {}
    for name, reader in readers.items():
        own = times[name][: reader.num_frames]
        frames = np.flatnonzero(((own > span[0]) | (span[0] == clip[0])) & (own <= span[1]))
        if len(frames):
            parts[name] = ChosenFrames(reader, frames, own[frames], span)
    return parts


def _read(predictor: ClipPredictor[Any], sample: str, readers: Mapping[str, FrameReader]) -> StoredSample | None:
    """None = nothing that the model predicts from."""
    modalities, supported = predictor.model.modalities, predictor.model.supported_subsets
    subset = tuple(slot for slot, name in enumerate(modalities.names) if name in readers)
    if not readers or (supported is not None and subset not in supported):
        return None
    return read_stored(sample, readers, modalities)


def _distances(
    predictor: ClipPredictor[Any],
    tokens: Float[np.ndarray, "M C"],
    visible: NDArray[np.bool_],
    whole: Float[np.ndarray, "M C"],
    recorded: tuple[str, ...],
) -> dict[str, float]:
    found = {}
    for name in recorded:
        slot = predictor.model.modalities.index(name)
        rest = visible.copy()
        rest[slot] = False
        if not rest.any():
            continue
        _, completed, filled = predictor.complete(tokens[None], rest[None])
        if filled[0, slot]:
            real, rebuilt = whole[slot], completed[0, slot]
            norm = float(np.linalg.norm(real) * np.linalg.norm(rebuilt))
            found[name] = 1 - float(real @ rebuilt) / max(norm, 1e-12)
    return found

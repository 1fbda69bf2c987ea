"""One clip's files, read whole: what is unreadable, flat, or of another length. No torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from actionmae.core.modality import ModalitySpec
from actionmae.data.alignment import Alignment
from actionmae.data.readers import Stream, frame_times, frames_of, open_stream


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipFiles:
    """One clip to check; `files` and `specs` by modality."""

    sample: str
    files: dict[str, Path]
    specs: dict[str, ModalitySpec]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipFacts:
    """What its files are like.

    Attributes:
        sample: Name.
        unreadable: Why, by modality.
        flat: Images of one value everywhere and images in all, by modality.
        seconds: Duration of the streams that know their rate and have no clock.
        frames_without_rate: Frames of the streams that know neither.
        misaligned: Why the clocks do not fit each other, or empty.
    """

    sample: str
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)
    flat: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    frames_without_rate: dict[str, int] = dataclasses.field(default_factory=dict)
    misaligned: str = ""


def read_clip(clip: ClipFiles) -> ClipFacts:
    """Read all frames of all files of a clip, one frame in memory at a time."""
    facts = ClipFacts(sample=clip.sample)
    whole: dict[str, Stream] = {}
    for name, path in clip.files.items():
        spec = clip.specs[name]
        try:
            stream = open_stream(path, spec)
            facts.flat[name] = _flat(stream, spec)
        except (ValueError, OSError) as error:
            facts.unreadable[name] = str(error)
            continue
        whole[name] = stream
        if frame_times(stream) is not None:
            continue
        if stream.rate:
            facts.seconds[name] = stream.num_frames / stream.rate
        elif spec.kind != "signal":
            facts.frames_without_rate[name] = stream.num_frames
    try:
        if whole:
            Alignment(whole)
    except ValueError as error:
        return dataclasses.replace(facts, misaligned=str(error))
    return facts


def _flat(stream: Stream, spec: ModalitySpec) -> tuple[int, int]:
    """Frames of one value everywhere, and all frames; a signal is flat as a whole or not at all."""
    if spec.kind == "frames":
        flat = [bool((frame == frame[:1, :1]).all()) for frame in frames_of(stream)]
        return sum(flat), len(flat)
    values = stream.read(np.arange(stream.num_frames))
    constant = spec.kind == "signal" and float(np.ptp(values, axis=0).max()) == 0
    return stream.num_frames if constant else 0, stream.num_frames

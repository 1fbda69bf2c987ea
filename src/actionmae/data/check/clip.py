"""One clip's files, read whole: what is unreadable, flat, or of another length. No torch."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.reading.alignment import clock_mismatch, time_span
from actionmae.data.reading.complaints import describe_complaints, ffmpeg_complaints
from actionmae.data.reading.image_folder import ImageFolder
from actionmae.data.reading.readers import FrameReader, frames_of, open_reader

_NOISE = 3
"""Largest difference, of 255, between the pixels of a covered camera."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipFiles:
    """One clip to check; `files` and `specs` by modality."""

    sample: str
    files: dict[str, Cell]
    specs: dict[str, ModalitySpec]


@dataclasses.dataclass(frozen=True, slots=True)
class Length:
    """How long a recording is.

    Attributes:
        frames: Frames (samples).
        seconds: By its fps; None = they are unknown.
    """

    frames: int
    seconds: float | None

    @property
    def value(self) -> float:
        """Seconds, or frames where they are all that is known."""
        return float(self.frames) if self.seconds is None else self.seconds

    def __str__(self) -> str:
        return f"{self.frames} frames" + ("" if self.seconds is None else f", {self.seconds:.4g} s")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipFacts:
    """What was found in a clip's files.

    Attributes:
        sample: Name.
        unreadable: Why, by modality.
        flat: Images of one value everywhere and images in all, by modality; only where there are some.
        lost: Numbers of missing images, by modality; only where there are some.
        damaged: What is wrong with a video that can be read, by modality.
        lengths: Of the recordings without a clock; "clocks" is the longest of those with one.
        no_moment: Why the clocks do not fit each other, or empty.
        clock_mismatch: How the times of the recordings with clocks disagree, or empty.
    """

    sample: str
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)
    flat: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    lost: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    damaged: dict[str, str] = dataclasses.field(default_factory=dict)
    lengths: dict[str, Length] = dataclasses.field(default_factory=dict)
    no_moment: str = ""
    clock_mismatch: str = ""


def read_clip(clip: ClipFiles) -> ClipFacts:
    """Read all frames of all files of a clip, one frame in memory at a time."""
    facts = ClipFacts(sample=clip.sample)
    clocked: dict[str, FrameReader] = {}
    for name, cell in clip.files.items():
        spec = clip.specs[name]
        try:
            with ffmpeg_complaints() as complaints:
                reader = open_reader(cell, spec)
                flat = _flat(reader, spec)
        except (ValueError, OSError) as error:
            facts.unreadable[name] = str(error)
            continue
        if complaints:
            facts.damaged[name] = describe_complaints(complaints)
        if flat:
            facts.flat[name] = flat, reader.num_frames
        if isinstance(reader, ImageFolder) and reader.lost:
            facts.lost[name] = reader.lost
        if reader.times is not None:
            clocked[name] = reader
        else:
            seconds = reader.num_frames / reader.fps if reader.fps else None
            facts.lengths[name] = Length(reader.num_frames, seconds)
    if not clocked:
        return facts
    facts.lengths["clocks"] = max(map(_timed_length, clocked.values()), key=lambda length: length.value)
    try:
        return dataclasses.replace(facts, clock_mismatch=clock_mismatch(clocked))
    except ValueError as error:
        return dataclasses.replace(facts, no_moment=str(error))


def _timed_length(reader: FrameReader) -> Length:
    span = time_span(reader)
    return Length(reader.num_frames, None if span is None else span[1] - span[0])


def _flat(reader: FrameReader, spec: ModalitySpec) -> int:
    """Frames of one value everywhere; a signal or a flow (nothing moves) is flat as a whole or not at all."""
    if spec.kind == "frames":
        flat = sum(_is_flat(frame) for frame in frames_of(reader))
        return flat if spec.value != "flow" or flat == reader.num_frames else 0
    values = reader.read(np.arange(reader.num_frames))
    constant = spec.kind == "signal" and float(np.ptp(values, axis=0).max()) == 0
    return reader.num_frames if constant else 0


def _is_flat(frame: NDArray[Any]) -> bool:
    """Whether each channel of [h, w, c] has one value, up to the noise of a covered camera."""
    noise = _NOISE if frame.dtype == np.uint8 else 0
    return all(
        int(np.ptp(pixels[..., c])) <= noise for pixels in (frame[::8, ::8], frame) for c in range(frame.shape[2])
    )

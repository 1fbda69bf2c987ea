"""One raw recording → one small standard video file with random access, frame by frame. No torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySpec
from actionmae.data.optical_flow import flow_images
from actionmae.data.person_crop import find_person
from actionmae.data.readers import Stream, frame_times, frames_of, open_stream
from actionmae.data.video import VideoStream
from actionmae.data.video_writer import VideoWriter

Crop = Literal["none", "person"]
_DEFAULT_RATE = 30.0  # of recordings that do not say theirs (images, a `.mat`); only players care


def is_ready(stream: Stream, spec: ModalitySpec, short_side: int) -> bool:
    """Whether a recording already is what `transcode` would write."""
    if not isinstance(stream, VideoStream) or not stream.direct:
        return False
    return spec.value != "color" or min(stream.size) <= short_side


def transcode(cell: Path, spec: ModalitySpec, target: Path, *, short_side: int, crop: Crop) -> Path:
    """Write a recording of kind frames as `target`; returns the cell for the manifest.

    Colour is made smaller where its short side exceeds `short_side`, nothing is ever enlarged, depth stays bit-exact.
    Chosen frames of a longer recording become a video of their own, with their times in a text beside it.

    Args:
        cell: What to read.
        spec: Its modality.
        target: `.avi`; whole or absent.
        short_side: Pixels, of colour only.
        crop: "person" cuts depth to the person.

    Raises:
        FileNotFoundError: If there is no such recording.
        ValueError: If a frame of it cannot be read.
    """
    stream = open_stream(cell, spec)
    times = frame_times(stream)
    clock = target.with_suffix(".txt")
    if times is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = clock.with_name(clock.name + ".tmp")
        unfinished.write_text("".join(f"{time:.6f}\n" for time in times), encoding="utf-8")
        unfinished.replace(clock)
    if not target.exists():  # written whole or not at all, so what exists is finished
        cut = _cutting(stream, spec, short_side, crop)
        with VideoWriter(target, spec.value, stream.rate or _DEFAULT_RATE) as writer:
            for frame in frames_of(stream):
                writer.write(cut(frame))
    return target if times is None else target.with_name(f"{target.name}@{clock.name}")


def write_flow(cell: Path, spec: ModalitySpec, target: Path) -> None:
    """Write the optical flow of a colour recording as `target`, of the same size and moments."""
    stream = open_stream(cell, spec)
    with VideoWriter(target, "flow", stream.rate or _DEFAULT_RATE) as writer:
        for image in flow_images(frames_of(stream)):
            writer.write(image)


def _cutting(stream: Stream, spec: ModalitySpec, short_side: int, crop: Crop) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """What turns a frame [h, w, c] as read into an image as written."""
    if spec.value == "color":
        return lambda frame: _smaller(frame, short_side)
    if spec.value == "flow":
        return lambda frame: np.dstack([frame, np.full(frame.shape[:2], 128, np.uint8)])
    if spec.value == "depth" and crop == "person":
        box = find_person(frame[..., 0] for frame in frames_of(stream))
        return lambda frame: box.cut(frame[..., 0])
    return lambda frame: frame[..., 0]


def _smaller(image: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return image
    size = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)  # even: half of it is the chroma
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))

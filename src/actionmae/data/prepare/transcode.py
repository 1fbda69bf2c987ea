"""One raw recording → one small standard video file with random access, frame by frame. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.files import write_text
from actionmae.core.modality import ModalitySpec
from actionmae.data.cell import Cell, Clock
from actionmae.data.prepare.optical_flow import flow_images
from actionmae.data.prepare.person_crop import PersonBox
from actionmae.data.prepare.video_writer import VideoWriter
from actionmae.data.reading.readers import FrameReader, frames_of, open_reader
from actionmae.data.reading.video import VideoReader

FindBox = Callable[[FrameReader, ModalitySpec], PersonBox]

DEFAULT_FPS = 30.0
"""Frames per second of recordings that do not say theirs (images, a `.mat`), where nothing else in the clip does."""


def is_ready(reader: FrameReader, spec: ModalitySpec, short_side: int) -> bool:
    """Whether a recording already is what `transcode` would write."""
    if not isinstance(reader, VideoReader) or not reader.direct:
        return False
    return spec.value != "color" or min(reader.size) <= short_side


def is_current(target: Path, sources: Iterable[Path]) -> bool:
    """Whether a file exists and none of its sources has changed since; a source that is gone has not."""
    if not target.exists():
        return False
    made = target.stat().st_mtime_ns
    return all(source.stat().st_mtime_ns <= made for source in sources if source.exists())


def transcode(
    cell: Cell,
    spec: ModalitySpec,
    target: Path,
    *,
    short_side: int,
    find_box: FindBox | None,
    current: bool,
    seconds: float | None = None,
) -> Cell:
    """Write a recording of kind frames as `target`; returns the cell for the manifest.

    Each frame is cut to the box, then colour is made smaller where its short side exceeds `short_side`. Nothing is ever
    enlarged, depth stays bit-exact.
    Chosen frames of a longer recording become a video of their own, with their times in a text beside it.

    Args:
        cell: What to read.
        spec: Its modality.
        target: `.avi`; whole or absent.
        short_side: Pixels, of colour only.
        find_box: Says what to cut a recording to; None = whole images.
        seconds: How long the clip is, if that is known; it gives the fps of a recording that does not say its own.
        current: Keep the `target` that is there; only the times are written.

    Raises:
        FileNotFoundError: If there is no such recording.
        ValueError: If a frame of it cannot be read.
    """
    reader = open_reader(cell, spec)
    if not current:
        box = None if find_box is None else find_box(reader, spec)
        fps = reader.fps or (reader.num_frames / seconds if seconds else DEFAULT_FPS)
        with VideoWriter(target, spec.value, fps) as writer:
            for frame in frames_of(reader):
                writer.write(_as_written(frame if box is None else box.cut(frame), spec, short_side))
    return _with_times(target, reader)


def write_flow(cell: Cell, spec: ModalitySpec, target: Path, *, current: bool) -> Cell:
    """Write the optical flow of a colour recording as `target`, of the same size and moments; see `transcode`."""
    reader = open_reader(cell, spec)
    if not current:
        with VideoWriter(target, "flow", reader.fps or DEFAULT_FPS) as writer:
            for image in flow_images(frames_of(reader)):
                writer.write(image)
    return _with_times(target, reader)


def _with_times(target: Path, reader: FrameReader) -> Cell:
    """The cell of a written recording; where the frames have times, they are in a text beside it."""
    if reader.times is None:
        return Cell(target)
    log = target.with_suffix(".txt")
    write_text(log, "".join(f"{time:.6f}\n" for time in reader.times))
    return Cell(target, window=reader.window, clock=Clock(log=log))


def _as_written(frame: NDArray[Any], spec: ModalitySpec, short_side: int) -> NDArray[Any]:
    """A frame [h, w, c] as read → the image that `VideoWriter` takes."""
    if spec.value == "color":
        return _smaller(frame, short_side)
    if spec.value == "flow":
        return np.dstack([frame, np.full(frame.shape[:2], 128, np.uint8)])
    return frame[..., 0]


def _smaller(image: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return image
    size = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)  # even: half of it is the chroma
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))

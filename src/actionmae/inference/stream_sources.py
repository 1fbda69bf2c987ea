"""Where live frames come from: cameras and stream addresses, or recordings played in real time. No torch."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.reading.alignment import time_span
from actionmae.data.reading.readers import FrameReader, frames_of, open_reader
from actionmae.inference.read_stored import warn_of_clocks

log = logging.getLogger(__name__)

Stamped = tuple[NDArray[Any], float]
"""A frame, and when it was taken in seconds on the clock of the run."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds before a lost camera is opened again; doubled at every failure."""


@runtime_checkable
class Clock(Protocol):
    """Time of a run, in seconds."""

    def time(self) -> float:
        """Now; starts at 0."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


class WallClock:
    """The real time since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def time(self) -> float:
        """See `Clock`."""
        return time.monotonic() - self._start

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        time.sleep(seconds)


@runtime_checkable
class Source(Protocol):
    """One sensor of a run.

    Attributes:
        skipped: Frames that were passed over because a newer one was there.
    """

    skipped: int

    @property
    def ended(self) -> bool:
        """No further frame will come."""
        ...

    def poll(self, now: float) -> list[Stamped]:
        """What is new: of images the newest alone, of all else everything."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class Recording:
    """A recording, played in real time from the start of the run.

    Args:
        reader: The recording.
        spec: Its modality.

    Attributes:
        reader: The recording.
        origin: The moment by its clock, where it has one, that is the start of the run.

    Raises:
        ValueError: If nothing says how many frames there are per second.
    """

    def __init__(self, reader: FrameReader, spec: ModalitySpec) -> None:
        times, fps = reader.times, reader.fps or spec.fps
        if times is None and fps is None:
            raise ValueError(
                f"the {spec.name} recording does not say its frames per second: write them behind it, as in @30fps"
            )
        self.reader, self.origin = reader, 0.0
        self._stamps = (np.arange(reader.num_frames) + 0.5) / (fps or 1.0) if times is None else times
        self._frames: Iterator[NDArray[Any]] = frames_of(reader)
        self._newest_wins = spec.kind == "frames"
        self._given = 0
        self.skipped = 0

    @property
    def ended(self) -> bool:
        """See `Source`."""
        return self._given == len(self._stamps)

    def poll(self, now: float) -> list[Stamped]:
        """See `Source`."""
        stamps = self._stamps if self.reader.times is None else self._stamps - self.origin
        due = int(np.searchsorted(stamps, now, side="right"))
        new = [(next(self._frames), float(stamps[at])) for at in range(self._given, due)]
        self._given = max(self._given, due)
        if self._newest_wins and len(new) > 1:
            self.skipped += len(new) - 1
            return new[-1:]
        return new

    def close(self) -> None:
        """See `Source`."""


class Camera:
    """A camera or a stream address, read by OpenCV in a thread of its own; opened again whenever it is lost.

    Args:
        address: OpenCV's index, or a URL.
        spec: Its modality: colour or gray.
        clock: Of the run; a frame's stamp is when it came.
        open_capture: What OpenCV is asked by.

    Raises:
        ValueError: If the modality is neither colour nor gray.
    """

    ended = False

    def __init__(
        self, address: int | str, spec: ModalitySpec, clock: Clock, *, open_capture: Callable[[Any], Any] | None = None
    ) -> None:
        if spec.value not in ("color", "gray"):
            raise ValueError(
                f"OpenCV reads colour and gray cameras, {spec.name} is {spec.value}: push its frames from the sensor's "
                "own library, as examples/realsense.py does"
            )
        self.skipped = 0
        self._address, self._spec, self._clock = address, spec, clock
        self._open = open_capture or cv2.VideoCapture
        self._convert = cv2.COLOR_BGR2RGB if spec.value == "color" else cv2.COLOR_BGR2GRAY
        self._newest: tuple[NDArray[Any], float] | None = None
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{spec.name} camera", daemon=True)
        self._thread.start()

    def poll(self, now: float) -> list[Stamped]:
        """See `Source`."""
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is None:
            return []
        image, stamp = newest
        return [(image if image.ndim == 2 else cv2.cvtColor(image, self._convert), stamp)]

    def close(self) -> None:
        """See `Source`."""
        self._stop.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        wait = FIRST_WAIT
        while not self._stop.is_set():
            capture = self._open(self._address)
            given = self._read(capture)
            capture.release()
            wait = FIRST_WAIT if given else min(2 * wait, LONGEST_WAIT)
            if not self._stop.is_set():
                what = "has stopped" if given else "cannot be opened"
                log.warning("%s camera %s %s: trying again in %.1f s", self._spec.name, self._address, what, wait)
            self._stop.wait(wait)

    def _read(self, capture: Any) -> int:
        """Frames until it fails or the run ends."""
        given = 0
        while capture.isOpened() and not self._stop.is_set():
            good, image = capture.read()
            if not good:
                break
            given += 1
            with self._lock:
                self.skipped += self._newest is not None
                self._newest = image, self._clock.time()
        return given


def open_sources(words: Mapping[str, str], modalities: ModalitySet, clock: Clock) -> dict[str, Source]:
    """See `open_source`, by modality; recordings with clocks lie as these say, and the earliest begins with the run.

    Raises:
        FileNotFoundError: If a recording does not exist.
        ValueError: As `open_source`; and if a modality is unknown, or two recordings show no moment in common.
    """
    sources = {name: open_source(word, modalities[modalities.index(name)], clock) for name, word in words.items()}
    recordings = {name: source for name, source in sources.items() if isinstance(source, Recording)}
    warn_of_clocks("the run", {name: each.reader for name, each in recordings.items()})
    spans = [span for each in recordings.values() if (span := time_span(each.reader)) is not None]
    for each in recordings.values():
        each.origin = min((begin for begin, _ in spans), default=0.0)
    return sources


def open_source(word: str, spec: ModalitySpec, clock: Clock) -> Source:
    """A camera (0, 1, …), an address (rtsp://…, http://…), or a recording (a path, a cell, file://…).

    Raises:
        FileNotFoundError: If a recording does not exist.
        ValueError: If the recording is broken or does not say its frames per second, or a camera cannot give the
            modality.
    """
    if word.isdigit():
        return Camera(int(word), spec, clock)
    if "://" in word and not word.startswith("file://"):
        return Camera(word, spec, clock)
    return Recording(open_reader(Path(word[7:]) if word.startswith("file://") else word, spec), spec)

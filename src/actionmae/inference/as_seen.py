"""A clip as the network gets it in evaluation: which frames, when they were taken, and what is made of them.

Shapes: T frame, C channel, H W pixels, P person, J joint, L sample of a window.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.loading.collate import collate
from actionmae.data.reading.readers import FrameReader, open_reader
from actionmae.data.transforms.transform import transform
from actionmae.inference.predictor import as_tensors
from actionmae.inference.read_stored import read_stored, warn_of_clocks


@dataclass(frozen=True, kw_only=True)
class SeenModality:
    """One modality of a clip.

    Attributes:
        spec: What it is.
        source: Where it was read from.
        clip: Network input: frames [T, C, H, W], joints [T, P, J, 3], signal [T, C, L], features [T, C], float32.
        exists: [T] bool, True = this frame exists.
        frames: Numbers of the frames that were read, [T], for a signal [T, L]; of a cell that chooses frames they are
            counted within the chosen ones.
        seconds: When they were taken, in the same shape; on the clip's clock, or from the start of the recording where
            it has none; None = unknown.
        on_clock: Whether `seconds` are on the clip's clock.
        num_frames: Frames of the recording.
    """

    spec: ModalitySpec
    source: str
    clip: NDArray[np.float32]
    exists: NDArray[np.bool_]
    frames: NDArray[np.int64]
    seconds: NDArray[np.float64] | None
    on_clock: bool
    num_frames: int


def as_seen(files: Mapping[str, Cell], modalities: ModalitySet, sample: str = "clip") -> list[SeenModality]:
    """Read a clip as evaluation does: uniform frames, centre crop, nothing random.

    Args:
        files: Recordings by modality, at least one of `modalities`; others are passed over.
        modalities: A model's, or those of a manifest.
        sample: Its name, for messages.

    Returns:
        What exists, in the order of `modalities`.

    Raises:
        FileNotFoundError: If a recording does not exist.
        ValueError: If it is broken, the clocks do not fit, or nothing is given.
    """
    readers = {spec.name: _Noting(open_reader(files[spec.name], spec)) for spec in modalities if spec.name in files}
    if not readers:
        raise ValueError(f"the clip has none of {', '.join(modalities.names)}: give at least one recording")
    return _as_seen(readers, modalities, {name: str(files[name]) for name in readers}, sample)


def seen_by(
    readers: Mapping[str, FrameReader], modalities: ModalitySet, sources: Mapping[str, str], sample: str = "clip"
) -> list[SeenModality]:
    """The same of open readers, each with the name of its source; raises as `as_seen` does."""
    noting = {spec.name: _Noting(readers[spec.name]) for spec in modalities if spec.name in readers}
    return _as_seen(noting, modalities, sources, sample)


def _as_seen(
    readers: Mapping[str, "_Noting"], modalities: ModalitySet, sources: Mapping[str, str], sample: str
) -> list[SeenModality]:
    opened = {name: noting.reader for name, noting in readers.items()}
    warn_of_clocks(sample, opened)
    batch = transform(collate([as_tensors(read_stored(sample, opened, modalities))]), modalities)
    return [
        _seen(modalities[name], sources[name], noting, batch.clips[name][0], batch.frame_available.get(name))
        for name, noting in readers.items()
    ]


class _Noting:
    """Notes which frames are asked of a reader, so that nothing about their choice is said twice."""

    def __init__(self, reader: FrameReader) -> None:
        self.reader = reader
        self.asked = np.zeros(0, np.int64)
        read, images = reader.read, reader.images

        def noted(indices: Any) -> Any:
            self.asked = np.array(indices, dtype=np.int64)
            return indices

        reader.read = lambda indices: read(noted(indices))  # type: ignore[method-assign]  # of this one reader
        reader.images = lambda indices: images(noted(indices))  # type: ignore[method-assign]  # of this one reader


def _seen(
    spec: ModalitySpec, source: str, noting: _Noting, clip: Tensor, frame_available: Tensor | None
) -> SeenModality:
    reader = noting.reader
    frames = noting.asked.reshape(len(clip), -1) if spec.kind == "signal" else noting.asked
    times = reader.times
    seconds = times[frames] if times is not None else frames / reader.fps if reader.fps else None
    exists = np.ones(len(clip), np.bool_) if frame_available is None else frame_available[0].numpy()
    return SeenModality(
        spec=spec,
        source=source,
        clip=clip.numpy(),
        exists=exists,
        frames=frames,
        seconds=seconds,
        on_clock=times is not None,
        num_frames=reader.num_frames,
    )

"""Positions in time → the network's frames of one recording, still uint8 and uint16. No torch.

Shapes: T frame, c stored channel, H W pixels of the region, P person, J joint, C channel, L sample of a window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySpec
from actionmae.data.loading.framing import STORED, region_size, write_region
from actionmae.data.loading.sampling import frame_indices, sample_positions, window_indices
from actionmae.data.reading.alignment import own_positions
from actionmae.data.reading.readers import ArrayReader, FrameReader

Array = NDArray[Any]


def read_uniform(reader: FrameReader, spec: ModalitySpec, out: Array | None = None) -> Array:
    """The frames at the centres of T equal segments of the clip, as a test clip is read; see `read_at`."""
    return read_at(reader, spec, sample_positions(spec.num_frames, reader.num_frames), out)


def read_at(reader: FrameReader, spec: ModalitySpec, positions: NDArray[np.float64], out: Array | None = None) -> Array:
    """The frames at these positions of the clip.

    Args:
        reader: The recording.
        spec: Its modality.
        positions: [T] ascending in 0–1.
        out: Where images are written; None = memory of their own.

    Returns:
        Images [T, c, H, W] uint8 or uint16; joints [T, P, J, 3], signal [T, C, L], features [T, C] float32.
    """
    positions = own_positions(reader, positions)
    if spec.kind == "signal":
        indices = window_indices(positions, reader.num_frames, spec.shape[1])
        return reader.read(indices.ravel()).reshape(*indices.shape, -1).swapaxes(1, 2)
    indices = frame_indices(positions, reader.num_frames)
    if spec.kind == "frames":
        return _read_images(reader, spec, indices, out)
    array = reader.read(indices)
    if spec.kind == "joints" and np.isnan(array).all():
        # Nobody in any of the chosen frames: take the nearest frames in which there is somebody.
        seen = np.flatnonzero(~np.isnan(reader.read(np.arange(reader.num_frames))).all(axis=(1, 2, 3)))
        array = reader.read(seen[np.abs(seen[:, None] - indices).argmin(axis=0)])
    return array


def in_memory(reader: FrameReader, spec: ModalitySpec) -> FrameReader:
    """A reader of the same recording that has read it whole, its images cut to the region."""
    every = np.arange(reader.num_frames)
    whole = _read_images(reader, spec, every, None) if spec.kind == "frames" else reader.read(every)
    kept = _RegionReader(whole, reader.fps)
    kept.times, kept.window = reader.times, reader.window
    return kept


class _RegionReader(ArrayReader):
    """A whole recording in memory, its images already cut to the region and channels first."""


def _read_images(reader: FrameReader, spec: ModalitySpec, indices: NDArray[np.int64], out: Array | None) -> Array:
    if out is None:
        channels, dtype = STORED[spec.value]
        out = np.empty((len(indices), channels, *region_size(spec)), dtype)
    if isinstance(reader, _RegionReader):
        np.copyto(out, reader.read(indices))
        return out
    for image, place in zip(reader.images(indices), out, strict=True):
        write_region(image, spec, place)
    return out

"""One clip: positions in time → the network's frames of each recording, still uint8 and uint16.

Shapes: T frame, C channel, H W pixels of the region, P person, J joint, L sample of a window.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.loading.collate import ClipSample, empty_images
from actionmae.data.loading.framing import write_region
from actionmae.data.loading.sampling import frame_indices, sample_positions, window_indices
from actionmae.data.reading.alignment import own_positions, strange_times
from actionmae.data.reading.readers import ArrayReader, FrameReader, TimedReader, frame_times

logger = logging.getLogger(__name__)

Array = NDArray[Any]


def read_sample(
    sample: str, readers: Mapping[str, FrameReader], modalities: ModalitySet, *, label: int = -1
) -> ClipSample:
    """One clip from open readers, as a test clip is read: uniform frames.

    Args:
        sample: Name.
        readers: By modality; those that exist.
        modalities: The model's.
        label: Class index; -1 = unknown.

    Raises:
        ValueError: If a recording cannot be read, or two show no moment in common.
    """
    if strange := strange_times(readers):
        logger.warning("%s: %s", sample, strange)
    clip = ClipSample(sample=sample, label=label, modalities=modalities)
    for spec in modalities:
        if spec.name in readers:
            images = empty_images(spec) if spec.kind == "frames" else None
            fill(clip, spec, read_uniform(readers[spec.name], spec, images), images)
    return clip


def read_uniform(reader: FrameReader, spec: ModalitySpec, images: Tensor | None) -> Array:
    """The frames at the centres of T equal segments of the clip; see `read_at`."""
    return read_at(reader, spec, sample_positions(spec.num_frames, reader.num_frames), images)


def read_at(reader: FrameReader, spec: ModalitySpec, positions: NDArray[np.float64], images: Tensor | None) -> Array:
    """The frames at these positions of the clip.

    Args:
        reader: The recording.
        spec: Its modality.
        positions: [T] ascending in 0–1.
        images: Of kind frames: [T, C, H, W] to be written.

    Returns:
        Images [T, C, H, W], which are `images`; joints [T, P, J, 3]; signal [T, C, L]; features [T, C].
    """
    positions = own_positions(reader, positions)
    if spec.kind == "signal":
        indices = window_indices(positions, reader.num_frames, spec.shape[1])
        return reader.read(indices.ravel()).reshape(*indices.shape, -1).swapaxes(1, 2)
    indices = frame_indices(positions, reader.num_frames)
    array = _read_frames(reader, spec, indices, None if images is None else images.numpy())
    if spec.kind == "joints" and np.isnan(array).all():
        # Nobody in any of the chosen frames: take the nearest frames in which there is somebody.
        seen = np.flatnonzero(~np.isnan(reader.read(np.arange(reader.num_frames))).all(axis=(1, 2, 3)))
        array = reader.read(seen[np.abs(seen[:, None] - indices).argmin(axis=0)])
    return array


def in_memory(reader: FrameReader, spec: ModalitySpec) -> FrameReader:
    """A reader of the same recording that has read it whole, its images cut to the region."""
    every = np.arange(reader.num_frames)
    whole = empty_images(spec, num_frames=len(every)).numpy() if spec.kind == "frames" else None
    kept = _RegionReader(_read_frames(reader, spec, every, whole), reader.fps)
    times = frame_times(reader)
    if times is None or not isinstance(reader, TimedReader):
        return kept
    return _TimedRegionReader(kept, every, times, reader.window)


def copy_into(array: Array, images: Tensor | None) -> Array:
    """A copy, in `images` where they are given: whoever changes it does not change the cache."""
    if images is None:
        return array.copy()
    np.copyto(images.numpy(), array)
    return images.numpy()


def fill(sample: ClipSample, spec: ModalitySpec, array: Array, images: Tensor | None) -> None:
    """Put one modality into the sample; absent persons (NaN) become a mask and zeros."""
    if spec.kind == "joints":
        person: NDArray[np.bool_] = np.any(~np.isnan(array), axis=(2, 3))
        array = np.where(person[:, :, None, None], array, 0)
        sample.person_available[spec.name] = torch.from_numpy(person)
        anybody = np.any(person, axis=1)
        if not anybody.all():
            sample.frame_available[spec.name] = torch.from_numpy(anybody)
    sample.clips[spec.name] = torch.from_numpy(np.ascontiguousarray(array)) if images is None else images


class _RegionReader(ArrayReader):
    """A whole recording in memory, its images already cut to the region and channels first."""


class _TimedRegionReader(TimedReader):
    """The same with the times of its frames."""


def _read_frames(reader: FrameReader, spec: ModalitySpec, indices: NDArray[np.int64], out: Array | None) -> Array:
    if out is None:
        return reader.read(indices).copy()
    if isinstance(reader, _RegionReader | _TimedRegionReader):
        np.copyto(out, reader.read(indices))
        return out
    for image, place in zip(reader.images(indices), out, strict=True):
        write_region(image, spec, place)
    return out

"""A clip's recordings → what the graphs of an export take, read as a test clip is. No torch.

Shapes: T frame, c stored channel, H W pixels of the region, P person, J joint, C channel, L sample of a window.
"""

import logging
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.loading.clip_frames import read_uniform
from actionmae.data.loading.framing import STORED, region_size, write_region
from actionmae.data.reading.alignment import clock_mismatch
from actionmae.data.reading.readers import FrameReader, array_reader, open_reader
from actionmae.inference.onnx_model import StoredClips

logger = logging.getLogger(__name__)

Source = Cell | str | os.PathLike[str] | ArrayLike
"""A path (video, folder of images, .mat, .npy, .skeleton), a cell of a manifest, or an array, time first."""


def read_stored(sample: str, sources: Mapping[str, Source], modalities: ModalitySet) -> dict[str, StoredClips]:
    """One clip, by modality, each with one row.

    Args:
        sample: Name, for messages.
        sources: At least one recording of `modalities`.
        modalities: The model's.

    Raises:
        FileNotFoundError: If a path does not exist.
        TypeError: If a source is neither a path nor an array.
        ValueError: If nothing is given, a modality is unknown, or a recording is broken.
    """
    if not sources:
        raise ValueError(f"{sample} has no recording: give at least one of {', '.join(modalities.names)}")
    readers: dict[str, FrameReader] = {}
    for name, source in sources.items():
        spec = modalities[modalities.index(name)]
        if isinstance(source, Cell | str | os.PathLike):
            readers[name] = open_reader(source, spec)
        else:
            readers[name] = array_reader(source, spec, name=f"the {name} array")
    if mismatch := clock_mismatch(readers):
        logger.warning("%s: %s", sample, mismatch)
    return {
        spec.name: stored_clips(read_uniform(readers[spec.name], spec), spec)
        for spec in modalities
        if spec.name in readers
    }


def stored_clips(array: NDArray[Any], spec: ModalitySpec) -> StoredClips:
    """One clip [T, …] with its masks: persons who are NaN are absent, and so are frames without a person."""
    frames = np.ones((1, len(array)), dtype=np.bool_)
    if spec.kind != "joints":
        return StoredClips(clip=array[None], frame_available=frames)
    persons = np.any(~np.isnan(array), axis=(2, 3))[None]
    clip = np.where(persons[..., None, None], array[None], 0).astype(np.float32)
    return StoredClips(clip=clip, frame_available=persons.any(axis=2), person_available=persons)


def region_of(image: NDArray[Any], spec: ModalitySpec) -> NDArray[Any]:
    """An image [h, w, c] as the host stores it, [c, 1.2 H, 1.2 W]."""
    channels, dtype = STORED[spec.value]
    out = np.empty((channels, *region_size(spec)), dtype=dtype)
    write_region(image, spec, out)
    return out

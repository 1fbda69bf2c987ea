"""A clip's recordings as the host stores them, read as a test clip is. No torch.

Shapes: T frame, c stored channel, H W pixels of the region, P person, J joint, C channel, L sample of a window.
"""

import logging
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.loading.clip_frames import read_uniform
from actionmae.data.loading.framing import STORED, region_size, write_region
from actionmae.data.reading.alignment import clock_mismatch
from actionmae.data.reading.readers import FrameReader
from actionmae.inference.onnx_model import StoredClips

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StoredSample:
    """One clip.

    Attributes:
        sample: Name.
        modalities: The set that says the order.
        clips: Only the modalities that exist, in that order; each has one row.
    """

    sample: str
    modalities: ModalitySet
    clips: dict[str, StoredClips]

    def without(self, names: Container[str]) -> "StoredSample":
        """The same clip without some of its modalities."""
        return replace(self, clips={name: clip for name, clip in self.clips.items() if name not in names})


def read_stored(sample: str, readers: Mapping[str, FrameReader], modalities: ModalitySet) -> StoredSample:
    """One clip from open readers: uniform frames, no randomness.

    Args:
        sample: Name.
        readers: By modality; those that exist.
        modalities: The model's.

    Raises:
        ValueError: If a recording cannot be read.
    """
    specs = [spec for spec in modalities if spec.name in readers]
    clips = {spec.name: stored_clips(read_uniform(readers[spec.name], spec), spec) for spec in specs}
    return StoredSample(sample=sample, modalities=modalities, clips=clips)


def warn_of_clocks(sample: str, readers: Mapping[str, FrameReader]) -> None:
    """Say where the times of a clip's recordings disagree.

    Raises:
        ValueError: If two show no moment in common.
    """
    if mismatch := clock_mismatch(readers):
        logger.warning("%s: %s", sample, mismatch)


def stored_clips(array: NDArray[Any], spec: ModalitySpec) -> StoredClips:
    """One clip [T, …] with its masks: persons who are NaN are absent, and so are frames without a person."""
    frames = np.ones((1, len(array)), dtype=np.bool_)
    if spec.kind != "joints":
        return StoredClips(clip=np.ascontiguousarray(array)[None], frame_available=frames)
    persons = np.any(~np.isnan(array), axis=(2, 3))[None]
    clip = np.where(persons[..., None, None], array[None], 0).astype(np.float32)
    return StoredClips(clip=clip, frame_available=persons.any(axis=2), person_available=persons)


def region_of(image: NDArray[Any], spec: ModalitySpec) -> NDArray[Any]:
    """An image [h, w, c] as the host stores it, [c, 1.2 H, 1.2 W]."""
    channels, dtype = STORED[spec.value]
    out = np.empty((channels, *region_size(spec)), dtype=dtype)
    write_region(image, spec, out)
    return out

"""One clip: its recordings → a `ClipSample`."""

import logging
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.loading.clip_frames import Array, read_uniform
from actionmae.data.loading.collate import ClipSample, empty_images
from actionmae.data.reading.alignment import clock_mismatch
from actionmae.data.reading.readers import FrameReader

logger = logging.getLogger(__name__)


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
    if mismatch := clock_mismatch(readers):
        logger.warning("%s: %s", sample, mismatch)
    clip = ClipSample(sample=sample, label=label, modalities=modalities)
    for spec in modalities:
        if spec.name in readers:
            images = empty_images(spec) if spec.kind == "frames" else None
            array = read_uniform(readers[spec.name], spec, None if images is None else images.numpy())
            fill(clip, spec, array, images)
    return clip


def fill(sample: ClipSample, spec: ModalitySpec, array: Array, images: Tensor | None) -> None:
    """Put one modality into the sample; absent persons (NaN) become a mask and zeros.

    Args:
        sample: Is changed.
        spec: The modality.
        array: See `clip_frames.read_at`.
        images: The tensor whose memory the array is; None = it is copied.
    """
    if spec.kind == "joints":
        person: NDArray[np.bool_] = np.any(~np.isnan(array), axis=(2, 3))
        array = np.where(person[:, :, None, None], array, 0)
        sample.person_available[spec.name] = torch.from_numpy(person)
        anybody = np.any(person, axis=1)
        if not anybody.all():
            sample.frame_available[spec.name] = torch.from_numpy(anybody)
    sample.clips[spec.name] = torch.from_numpy(np.array(array, order="C")) if images is None else images

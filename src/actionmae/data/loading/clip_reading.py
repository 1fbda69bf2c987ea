"""What was read of one modality → its place in a `ClipSample`."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actionmae.core.modality import ModalitySpec
from actionmae.data.loading.clip_frames import Array
from actionmae.data.loading.collate import ClipSample


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

"""Clips → a `ClipBatch`: single samples, the memory that a batch's images are decoded into, and how they are joined.

Shapes: B batch, T frame, C channel, H W pixels of the region, P person, J joint, L sample of a window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.utils.data import get_worker_info

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.core.tensors import ClipBatch
from actionmae.data.loading.framing import STORED, region_size


@dataclass(frozen=True, kw_only=True)
class ClipSample:
    """One clip before it joins a batch; see `ClipBatch` for the shapes, here without B.

    Attributes:
        sample: Name.
        label: Class index; -1 = unknown.
        modalities: The set that says the order.
        clips: Only the modalities that exist.
        frame_available: [T] bool, only where some frame is missing.
        person_available: [T, P] bool, joints only.
    """

    sample: str
    label: int
    modalities: ModalitySet
    clips: dict[str, Tensor] = field(default_factory=dict)
    frame_available: dict[str, Tensor] = field(default_factory=dict)
    person_available: dict[str, Tensor] = field(default_factory=dict)


def empty_images(spec: ModalitySpec, *batch: int) -> Shaped[Tensor, "*batch T c H W"]:
    """Memory for images as the host stores them, [*batch, T, c, 1.2 H, 1.2 W] uint8 or uint16, to be written.

    In a `DataLoader`'s worker it is shared with the training process, so that the batch is not copied once more.

    Args:
        spec: The modality; kind frames.
        batch: B, or nothing = one clip.
    """
    channels, dtype = STORED[spec.value]
    # NumPy asks for huge pages, PyTorch does not: a tenth of the time until all pages are there.
    images = torch.from_numpy(np.empty((*batch, spec.num_frames, channels, *region_size(spec)), dtype=dtype))
    if get_worker_info() is not None:
        images.share_memory_()  # type: ignore[no-untyped-call]  # PyTorch leaves it without types
    return images


def collate(samples: Sequence[ClipSample] | ClipBatch) -> ClipBatch:
    """Stack clips into a batch and check it; a batch, which is what `ClipDataset` gives a `DataLoader`, stays as it is.

    Rows without a modality are zero and `available` is False there; a modality that no clip has is no key at all.

    Raises:
        ValueError: If the clips do not fit together or one has no modality.
    """
    return samples if isinstance(samples, ClipBatch) else join(samples, {})


def join(samples: Sequence[ClipSample], images: Mapping[str, Tensor]) -> ClipBatch:
    """See `collate`.

    Args:
        samples: At least one.
        images: By modality, [B, …] what the samples' clips of it are rows of already.
    """
    modalities = samples[0].modalities
    clips, frames, persons = {}, {}, {}
    for name in modalities.names:
        have = [sample for sample in samples if name in sample.clips]
        if not have:
            continue
        clips[name] = images[name] if name in images else _stack([sample.clips.get(name) for sample in samples])
        length = have[0].clips[name].shape[0]
        if any(name in sample.frame_available for sample in have):
            every = torch.ones(length, dtype=torch.bool)
            frames[name] = _stack(
                [sample.frame_available.get(name, every) if name in sample.clips else None for sample in samples]
            )
        if any(name in sample.person_available for sample in have):
            persons[name] = _stack([sample.person_available.get(name) for sample in samples])
    batch = ClipBatch(
        clips=clips,
        available=torch.tensor([[name in sample.clips for name in modalities.names] for sample in samples]),
        labels=torch.tensor([sample.label for sample in samples], dtype=torch.int64),
        sample_ids=[sample.sample for sample in samples],
        frame_available=frames,
        person_available=persons,
    )
    return batch.validate(modalities)


def _stack(rows: Sequence[Tensor | None]) -> Tensor:
    """[B, …]; absent rows are zero."""
    example = next(row for row in rows if row is not None)
    zero = torch.zeros_like(example)
    return torch.stack([zero if row is None else row for row in rows])

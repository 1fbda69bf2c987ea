"""Tiny modalities and random batches with mixed missingness."""

import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch

TINY = {
    "rgb": {"shape": [3, 32, 32], "num_frames": 4},
    "depth": {"shape": [3, 32, 32], "num_frames": 3},
    "ir": {"shape": [3, 32, 32], "num_frames": 4},
    "skeleton": {"shape": [2, 25, 3], "num_frames": 5},
    "inertial": {"shape": [6, 8], "num_frames": 4},
}
"""Registered modalities at sizes that a test can afford; T differs between them on purpose."""


def tiny_modalities(*names: str) -> ModalitySet:
    """A `ModalitySet` of tiny registered modalities in the given order (default rgb, depth, ir)."""
    return ModalitySet([{"name": name, **TINY[name]} for name in names or ("rgb", "depth", "ir")])


def mixed_available(batch: int, num_modalities: int) -> torch.Tensor:
    """[B, M] bool: row 0 has everything, the further rows walk through the subsets, none is empty."""
    codes = (torch.arange(batch) * -1 - 1) % (2**num_modalities)
    codes = torch.where(codes == 0, 2**num_modalities - 1, codes)
    return (codes[:, None] >> torch.arange(num_modalities)) % 2 == 1


def tiny_batch(
    modalities: ModalitySet,
    batch: int = 4,
    *,
    num_classes: int = 5,
    available: torch.Tensor | None = None,
    lost_frames: bool = False,
    seed: int = 0,
) -> ClipBatch:
    """A valid float batch, as it leaves the device transform.

    Args:
        modalities: What the columns of `available` are.
        batch: B.
        num_classes: Labels are drawn below it.
        available: [B, M] bool; default: mixed missingness.
        lost_frames: Also lose about a third of the frames of every modality (never all of a clip's).
        seed: Of everything drawn here.
    """
    generator = torch.Generator().manual_seed(seed)
    clips = {spec.name: torch.randn(batch, spec.num_frames, *spec.shape, generator=generator) for spec in modalities}
    frame_available = {}
    if lost_frames:
        for spec in modalities:
            mask = torch.rand(batch, spec.num_frames, generator=generator) > 0.33
            mask[:, 0] |= ~mask.any(dim=1)
            frame_available[spec.name] = mask
    return ClipBatch(
        clips=clips,
        available=mixed_available(batch, len(modalities)) if available is None else available,
        labels=torch.randint(num_classes, (batch,), generator=generator),
        sample_ids=[f"clip{row}" for row in range(batch)],
        frame_available=frame_available,
    ).validate(modalities)

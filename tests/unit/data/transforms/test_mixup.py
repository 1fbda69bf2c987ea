"""Mixup against a loop over clips: who is blended with whom, by how much, and what a missing part does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms.config import AugmentConfig
from actionmae.data.transforms.mixup import mix
from helpers.builders import tiny_batch, tiny_modalities

MODALITIES = tiny_modalities("rgb", "skeleton", "inertial")
ROWS, CLASSES = 16, 5


def _batch(seed: int = 0) -> ClipBatch:
    """Mixed missingness, lost frames, persons who are not always seen; what is missing is NaN."""
    batch = tiny_batch(MODALITIES, ROWS, lost_frames=True, seed=seed)
    persons = torch.rand(batch.clips["skeleton"].shape[:3], generator=torch.Generator().manual_seed(seed)) > 0.4
    batch = replace(batch, person_available={"skeleton": persons})
    clips = dict(batch.clips)
    for slot, name in enumerate(MODALITIES.names):
        clips[name] = clips[name].masked_fill(_spread(~batch.available[:, slot], clips[name]), torch.nan)
        clips[name] = clips[name].masked_fill(_spread(~batch.frame_available[name], clips[name]), torch.nan)
    return replace(batch, clips=clips)


def _spread(mask: torch.Tensor, clip: torch.Tensor) -> torch.Tensor:
    return mask.view(*mask.shape, *[1] * (clip.ndim - mask.ndim))


def _mixed(batch: ClipBatch, alpha: float = 1.0, seed: int = 0) -> ClipBatch:
    return mix(batch, alpha=alpha, num_classes=CLASSES, rng=np.random.default_rng(seed))


def _pairs(batch: ClipBatch, alpha: float, seed: int) -> list[tuple[int, float]]:
    """The other clip and λ of each, in the order in which they are drawn."""
    rng = np.random.default_rng(seed)
    patterns = sorted({tuple(row) for row in batch.available.tolist()})
    other = {}
    for pattern in patterns:
        rows = [at for at, row in enumerate(batch.available.tolist()) if tuple(row) == pattern]
        other |= dict(zip(rows, rng.permutation(rows).tolist(), strict=True))
    return [(other[at], max(share, 1 - share)) for at, share in enumerate(rng.beta(alpha, alpha, size=len(batch)))]


@given(st.integers(0, 1000), st.sampled_from([0.2, 1.0, 4.0]))
@settings(max_examples=10, deadline=None)
def test_blended_frame_by_frame_person_by_person(seed: int, alpha: float) -> None:
    batch = _batch(seed)
    out = _mixed(batch, alpha, seed)
    for row, (other, share) in enumerate(_pairs(batch, alpha, seed)):
        wanted = torch.zeros(CLASSES)
        wanted[batch.labels[row]] += share
        wanted[batch.labels[other]] += 1 - share
        assert out.soft_labels is not None
        torch.testing.assert_close(out.soft_labels[row], wanted)
        for slot, name in enumerate(MODALITIES.names):
            if not batch.available[row, slot]:
                continue
            for frame in batch.frame_available[name][row].nonzero().flatten().tolist():
                mine, theirs = batch.clips[name][row, frame], batch.clips[name][other, frame]
                there = batch.frame_available[name][other, frame]
                if name == "skeleton":
                    there = (there & batch.person_available[name][other, frame])[:, None, None]
                wanted = torch.where(there, share * mine + (1 - share) * theirs, mine)
                torch.testing.assert_close(out.clips[name][row, frame], wanted)


def test_masks_labels_and_the_given_batch_stay() -> None:
    batch = _batch()
    before = {name: clip.clone() for name, clip in batch.clips.items()}
    out = _mixed(batch)
    assert all(torch.equal(before[name].nan_to_num(), batch.clips[name].nan_to_num()) for name in before)
    assert torch.equal(out.available, batch.available)
    assert torch.equal(out.labels, batch.labels)
    assert out.frame_available is batch.frame_available
    assert out.person_available is batch.person_available
    assert out.validate(MODALITIES) is out


def test_own_clip_has_the_larger_share_and_something_is_blended() -> None:
    batch = tiny_batch(MODALITIES, ROWS, available=torch.ones(ROWS, 3, dtype=torch.bool))
    out = _mixed(batch)
    assert out.soft_labels is not None
    torch.testing.assert_close(out.soft_labels.sum(dim=1), torch.ones(ROWS))
    assert (out.soft_labels.gather(1, batch.labels[:, None]) >= 0.5).all()
    assert (out.soft_labels.max(dim=1).values < 0.99).sum() > ROWS / 4
    assert torch.equal(out.targets, out.soft_labels)
    assert torch.equal(batch.targets, batch.labels)


def test_clip_without_a_fellow_stays_as_it_is() -> None:
    available = torch.ones(ROWS, 3, dtype=torch.bool)
    available[3, 0] = False
    batch = tiny_batch(MODALITIES, ROWS, available=available)
    out = _mixed(batch)
    assert out.soft_labels is not None
    assert out.soft_labels[3].max() == 1.0
    for name in MODALITIES.names:
        torch.testing.assert_close(out.clips[name][3], batch.clips[name][3])


def test_small_alpha_blends_hardly_anything() -> None:
    batch = tiny_batch(MODALITIES, ROWS, available=torch.ones(ROWS, 3, dtype=torch.bool))
    shares = [_pairs(batch, alpha, 0)[row][1] for alpha in (0.01, 4.0) for row in range(ROWS)]
    assert np.mean(shares[:ROWS]) > 0.95 > 0.8 > np.mean(shares[ROWS:])


def test_negative_alpha_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mixup is -0\.1: give a number, 0 or more"):
        AugmentConfig(mixup=-0.1)

"""Accuracy against the fraction of frames lost: a sensor that flickers, and one that dies before the clip is over.

Shapes: B batch, T frame, L fraction lost. Masks are bool and True = present.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.core.seeds import numpy_generator
from actionmae.core.tensors import ClipBatch, SubsetClassifier
from actionmae.evaluation.frame_loss_curve import FrameLossCurve
from actionmae.inference.subset_scoring import evaluating, predictable

FRACTIONS = (0.0, 0.25, 0.5, 0.75, 0.9)


def score_frame_loss(
    model: SubsetClassifier,
    batches: Iterable[ClipBatch],
    *,
    transform: Callable[[ClipBatch], ClipBatch] | None = None,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    spans: bool = False,
    modalities: Sequence[str] | None = None,
) -> FrameLossCurve:
    """Score clips from which a fraction of the frames is taken, the same frames for everybody who uses the same seed.

    What is lost is a function of seed, sample and modality alone, not of batches or processes, and a larger fraction
    loses all that a smaller one lost. At least one frame of each clip and modality stays.

    Args:
        model: Put into eval mode meanwhile, where it is an `nn.Module`.
        batches: On the model's device. A clip that comes twice counts once; one with sensors together from which the
            model does not predict is left out.
        transform: Makes network input of a batch whose lost frames are marked, so that nothing of them enters what is
            computed over a clip (where a skeleton's centre is, how far its depth reaches). None = it is that already.
        fractions: Of the frames that exist, 0–1.
        seed: Of the random frames; spans need none.
        spans: False: single frames at random, in each modality for itself. True: the last frames, in all at once.
        modalities: Names of those that lose frames; None = all.

    Raises:
        ValueError: If a fraction lies outside 0–1, a modality is unknown, or there is no clip.
    """
    names = _lossy_modalities(model.modalities, modalities)
    wanted = tuple(sorted(set(fractions)))
    if not wanted or wanted[0] < 0 or wanted[-1] > 1:
        raise ValueError(f"fractions of lost frames are {list(fractions)}: give at least one, each between 0 and 1")
    right: dict[str, Bool[np.ndarray, " L"]] = {}
    with evaluating(model):
        for every in batches:
            batch = _predictable(model, every)
            if not len(batch):
                continue
            left = [_lose(batch, names, fraction, seed, spans=spans) for fraction in wanted]
            hits = [_hits(model, each if transform is None else transform(each)) for each in left]
            right.update(zip(batch.sample_ids, np.stack(hits, axis=1), strict=True))
    if not right:
        raise ValueError(
            "there is no clip to score: check the split and the protocol, they leave no test clip from which the model "
            "predicts as it is recorded"
        )
    return FrameLossCurve(
        kind="spans" if spans else "frames",
        lost=names,
        fractions=wanted,
        n=len(right),
        correct=tuple(int(count) for count in np.stack(list(right.values())).sum(axis=0)),
    )


def _predictable(model: SubsetClassifier, batch: ClipBatch) -> ClipBatch:
    """The clips from which the model predicts as they are."""
    rows = predictable(model, batch.available).nonzero().flatten()
    names = [batch.sample_ids[row] for row in rows.tolist()]
    return batch if len(rows) == len(batch) else replace(batch.map(lambda each: each[rows]), sample_ids=names)


def _lossy_modalities(known: ModalitySet, names: Sequence[str] | None) -> tuple[str, ...]:
    slots = {known.index(name) for name in (known.names if names is None else names)}
    if not slots:
        raise ValueError(
            f"no modality was named to lose frames: name some of {', '.join(known.names)}, or None for all"
        )
    return tuple(name for slot, name in enumerate(known.names) if slot in slots)


def _lose(batch: ClipBatch, names: Sequence[str], fraction: float, seed: int, *, spans: bool) -> ClipBatch:
    """The batch with `frame_available` cleared for the lost frames."""
    masks = dict(batch.frame_available)
    for name in names:
        if name not in batch.clips:
            continue
        clip = batch.clips[name]
        have = masks.get(name, torch.ones(clip.shape[:2], dtype=torch.bool)).cpu().numpy()
        keys = [(seed, "frame loss", sample, name) for sample in batch.sample_ids]
        kept = [_keep(row, fraction, None if spans else at) for row, at in zip(have, keys, strict=True)]
        masks[name] = torch.from_numpy(np.stack(kept)).to(clip.device)
    return replace(batch, frame_available=masks)


def _keep(have: Bool[np.ndarray, " T"], fraction: float, key: tuple[object, ...] | None) -> Bool[np.ndarray, " T"]:
    """Take round(fraction × existing frames) of the frames that exist, the last ones if there is no key; one stays."""
    there = np.flatnonzero(have)
    order = there if key is None else numpy_generator(*key).permutation(there)
    # Half up, not half to even: 0.5 of 5 frames is 3 as 0.5 of 3 is 2.
    lost = min(int(fraction * len(there) + 0.5), len(there) - 1)
    kept = np.zeros_like(have)
    kept[order[: len(there) - lost]] = True
    return kept


@torch.inference_mode()
def _hits(model: SubsetClassifier, batch: ClipBatch) -> Bool[np.ndarray, " B"]:
    logits: Tensor = model.classify(*model.reconstruct(model.encode(batch), batch.available))
    hits: np.ndarray = (logits.argmax(dim=1) == batch.labels).cpu().numpy()
    return hits

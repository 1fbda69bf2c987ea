"""Accuracy against the share of frames lost: a sensor that flickers, and one that dies before the clip is over.

Shapes: B batch, T frame, L share. Masks are bool and True = present.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.core.seeds import numpy_generator
from actionmae.core.tensors import ClipBatch, SubsetClassifier
from actionmae.evaluation.intervals import Interval, wilson_interval
from actionmae.evaluation.scores import evaluating

SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, kw_only=True)
class FrameLossCurve:
    """How many clips are still right when a share of their frames is lost.

    Attributes:
        kind: frames = single frames at random; spans = everything after some moment (the sensor died).
        lost: Names of the modalities that lose frames.
        shares: L shares of lost frames, 0–1, ascending.
        n: Clips, each with whatever modalities exist for it.
        correct: L numbers of clips that are right.
    """

    kind: Literal["frames", "spans"]
    lost: tuple[str, ...]
    shares: tuple[float, ...]
    n: int
    correct: tuple[int, ...]

    @property
    def top1(self) -> tuple[float, ...]:
        """L top-1 rates, percent."""
        return tuple(100 * correct / self.n for correct in self.correct)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """L Wilson 95 % intervals, percent."""
        found = (wilson_interval(correct, self.n) for correct in self.correct)
        return tuple((100 * low, 100 * high) for low, high in found)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data from which `from_dict` rebuilds the curve."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "FrameLossCurve":
        """Rebuild a curve from `to_dict` (lists may stand for tuples)."""
        values: dict[str, Any] = {key: tuple(at) if isinstance(at, list) else at for key, at in fields.items()}
        return cls(**values)


def score_frame_loss(
    model: SubsetClassifier,
    batches: Iterable[ClipBatch],
    *,
    transform: Callable[[ClipBatch], ClipBatch] | None = None,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    spans: bool = False,
    modalities: Sequence[str] | None = None,
) -> FrameLossCurve:
    """Score clips from which a share of the frames is taken, the same frames for everybody who uses the same seed.

    What is lost is a function of seed, sample and modality alone, not of batches or processes, and a larger share loses
    all that a smaller one lost. At least one frame of each clip and modality stays.

    Args:
        model: Put into eval mode meanwhile, where it is an `nn.Module`.
        batches: On the model's device. A clip that comes twice counts once.
        transform: Makes network input of a batch whose lost frames are marked, so that nothing of them enters what is
            computed over a clip (where a skeleton's centre is, how far its depth reaches). None = it is that already.
        shares: Of the frames that exist, 0–1.
        seed: Of the random frames; spans need none.
        spans: False: single frames at random, in each modality for itself. True: the last frames, in all at once.
        modalities: Names of those that lose frames; None = all.

    Raises:
        ValueError: If a share lies outside 0–1, a modality is unknown, or there is no clip.
    """
    names = _lossy_modalities(model.modalities, modalities)
    wanted = tuple(sorted(set(shares)))
    if not wanted or wanted[0] < 0 or wanted[-1] > 1:
        raise ValueError(f"shares of lost frames are {list(shares)}: give at least one, each between 0 and 1")
    right: dict[str, Bool[np.ndarray, " L"]] = {}
    with evaluating(model):
        for batch in batches:
            left = [_lose(batch, names, share, seed, spans=spans) for share in wanted]
            hits = [_hits(model, each if transform is None else transform(each)) for each in left]
            right.update(zip(batch.sample_ids, np.stack(hits, axis=1), strict=True))
    if not right:
        raise ValueError("there is no clip to score: check the split and the protocol, they leave no test clip")
    return FrameLossCurve(
        kind="spans" if spans else "frames",
        lost=names,
        shares=wanted,
        n=len(right),
        correct=tuple(int(count) for count in np.stack(list(right.values())).sum(axis=0)),
    )


def _lossy_modalities(known: ModalitySet, names: Sequence[str] | None) -> tuple[str, ...]:
    slots = {known.index(name) for name in (known.names if names is None else names)}
    if not slots:
        raise ValueError(
            f"no modality was named to lose frames: name some of {', '.join(known.names)}, or None for all"
        )
    return tuple(name for slot, name in enumerate(known.names) if slot in slots)


def _lose(batch: ClipBatch, names: Sequence[str], share: float, seed: int, *, spans: bool) -> ClipBatch:
    """The batch with `frame_available` cleared for the lost frames."""
    masks = dict(batch.frame_available)
    for name in names:
        if name not in batch.clips:
            continue
        clip = batch.clips[name]
        have = masks.get(name, torch.ones(clip.shape[:2], dtype=torch.bool)).cpu().numpy()
        keys = [(seed, "frame loss", sample, name) for sample in batch.sample_ids]
        kept = [_keep(row, share, None if spans else at) for row, at in zip(have, keys, strict=True)]
        masks[name] = torch.from_numpy(np.stack(kept)).to(clip.device)
    return replace(batch, frame_available=masks)


def _keep(have: Bool[np.ndarray, " T"], share: float, key: tuple[object, ...] | None) -> Bool[np.ndarray, " T"]:
    """Take round(share × existing frames) of the frames that exist, the last ones if there is no key; one stays."""
    there = np.flatnonzero(have)
    order = there if key is None else numpy_generator(*key).permutation(there)
    # Half up, not half to even: 0.5 of 5 frames is 3 as 0.5 of 3 is 2.
    lost = min(int(share * len(there) + 0.5), len(there) - 1)
    kept = np.zeros_like(have)
    kept[order[: len(there) - lost]] = True
    return kept


@torch.inference_mode()
def _hits(model: SubsetClassifier, batch: ClipBatch) -> Bool[np.ndarray, " B"]:
    logits: Tensor = model.classify(*model.reconstruct(model.encode(batch), batch.available))
    hits: np.ndarray = (logits.argmax(dim=1) == batch.labels).cpu().numpy()
    return hits

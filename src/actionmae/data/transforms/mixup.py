"""Mixup (Zhang, Cissé, Dauphin, Lopez-Paz, ICLR 2018): clips of a batch blended in pairs, and their labels with them.

Shapes: B batch, T frame, P person.
"""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from actionmae.core.tensors import ClipBatch


def mix(batch: ClipBatch, *, alpha: float, num_classes: int, rng: np.random.Generator) -> ClipBatch:
    """λ of each clip and 1 − λ of another one of the batch, the same λ and the same other clip in all its modalities.

    λ is drawn from Beta(α, α) for each clip; of λ and 1 − λ the larger is the clip's own, whose frames and persons the
    result has. The other clip has the same modalities, or there is none and the clip stays as it is. A frame or person
    that the other one lacks is not blended.

    Args:
        batch: Network input: floats.
        alpha: α > 0; at 1 every λ is as likely, near 0 hardly anything is blended.
        num_classes: K.
        rng: The only source of randomness.

    Returns:
        A new batch with `soft_labels` [B, K].
    """
    partner, share = (part.to(batch.labels.device) for part in _draw(batch.available.cpu().numpy(), alpha, rng))
    clips = {}
    for name, clip in batch.clips.items():
        both = _in_both(batch, name, partner)
        blended = torch.lerp(clip[partner], clip, _spread(share, clip))
        clips[name] = blended if both is None else torch.where(_spread(both, clip), blended, clip)
    classes = F.one_hot(batch.labels, num_classes).float()
    return replace(batch, clips=clips, soft_labels=torch.lerp(classes[partner], classes, share[:, None]))


def _draw(
    available: NDArray[np.bool_], alpha: float, rng: np.random.Generator
) -> tuple[Int64[Tensor, " B"], Float[Tensor, " B"]]:
    """The other clip of each, as a row, and λ."""
    partner = np.arange(len(available))
    for pattern in np.unique(available, axis=0):
        rows = np.flatnonzero((available == pattern).all(axis=1))
        partner[rows] = rng.permutation(rows)
    share = rng.beta(alpha, alpha, size=len(available))
    return torch.from_numpy(partner), torch.from_numpy(np.maximum(share, 1 - share)).float()


def _in_both(batch: ClipBatch, name: str, partner: Tensor) -> Bool[Tensor, "B T"] | Bool[Tensor, "B T P"] | None:
    """Which frames (of joints: persons) the other clip has; None = all."""
    frames, persons = batch.frame_available.get(name), batch.person_available.get(name)
    if persons is None:
        return None if frames is None else frames[partner]
    seen = persons if frames is None else persons & frames[:, :, None]
    return seen[partner]


def _spread(values: Tensor, clip: Tensor) -> Tensor:
    """With as many dimensions as the clip."""
    return values.view(*values.shape, *[1] * (clip.ndim - values.ndim))

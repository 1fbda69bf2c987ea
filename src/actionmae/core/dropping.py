"""Which modalities and which frames are dropped while training (§3.1: K of N, 0 ≤ K < N), as pure functions.

Shapes: B batch, M modality, T frame. Masks are bool, True = present.
"""

import torch
from jaxtyping import Bool
from torch import Generator, Tensor

from actionmae.core.choices import Draw, Per
from actionmae.core.subsets import all_subsets


def sample_visible(
    available: Bool[Tensor, "B M"],
    *,
    generator: Generator,
    per: Per = "batch",
    draw: Draw = "uniform_k",
) -> Bool[Tensor, "B M"]:
    """Draw which of the available modalities stay visible; at least one always does.

    With per="batch" one draw serves the whole batch (App. B: "at every iteration: R → R+I → D → …"); a row that lacks
    some modalities gets the same draw restricted to what it has. Row by row the distribution over the non-empty
    subsets of its n available modalities is the one named by `draw`.

    Args:
        available: [B, M] what exists; every row at least one.
        generator: CPU generator; the only source of randomness.
        per: One draw for the batch, or one for each sample.
        draw: "uniform_k": K uniform on 0…n−1, then a uniform K-subset is dropped (§3.1). "uniform_subset": uniform
            over the 2^n − 1 non-empty subsets.

    Returns:
        visible: [B, M] on the device of `available`, a subset of it.
    """
    rows, num_modalities = available.shape
    draws = 1 if per == "batch" else rows
    have = available.cpu()
    if draw == "uniform_k":
        # Rank the available modalities in random order and drop the first K of each row.
        order = torch.rand(draws, num_modalities, generator=generator).expand(rows, -1)
        rank = order.masked_fill(~have, torch.inf).argsort(dim=1).argsort(dim=1)
        fraction = torch.rand(draws, generator=generator).expand(rows)
        num_dropped = (fraction * have.sum(dim=1)).long()
        visible = have & (rank >= num_dropped[:, None])
    else:
        # The first subset, in a random order of all, that meets the row: uniform over the row's own subsets.
        subsets = torch.zeros(2**num_modalities - 1, num_modalities, dtype=torch.bool)
        for row, subset in enumerate(all_subsets(num_modalities)):
            subsets[row, list(subset)] = True
        order = torch.rand(draws, len(subsets), generator=generator).argsort(dim=1).expand(rows, -1)
        candidates = subsets[order] & have[:, None, :]  # [B, 2^M − 1, M]
        first = candidates.any(dim=2).int().argmax(dim=1)
        visible = candidates[torch.arange(rows), first]
    return visible.to(available.device)


def drop_frames(
    frame_available: Bool[Tensor, "B T"],
    *,
    generator: Generator,
    frame_fraction: float = 0.0,
    span_fraction: float = 0.0,
) -> Bool[Tensor, "B T"]:
    """Lose single frames and one span of frames per clip, so that training sees sensors that flicker or die half way.

    Each clip draws a fraction, uniform on [0, frame_fraction], and loses each frame with this probability; and it loses
    one span of a length uniform on [0, span_fraction · T] at a uniform place. If no frame were left, the first
    available one stays.

    Args:
        frame_available: [B, T] what exists.
        generator: CPU generator; the only source of randomness.
        frame_fraction: Highest fraction of single frames lost, 0–1.
        span_fraction: Longest span lost as a fraction of T, 0–1.

    Returns:
        [B, T] a subset of `frame_available`, non-empty wherever that was.

    Raises:
        ValueError: If a fraction lies outside 0–1.
    """
    for name, fraction in (("frame_fraction", frame_fraction), ("span_fraction", span_fraction)):
        if not 0.0 <= fraction <= 1.0:
            raise ValueError(f"{name} is {fraction}: give a number between 0 and 1")
    have = frame_available.cpu()
    rows, frames = have.shape
    lost_fraction = torch.rand(rows, 1, generator=generator) * frame_fraction
    lost = torch.rand(rows, frames, generator=generator) < lost_fraction
    length = (torch.rand(rows, 1, generator=generator) * (span_fraction * frames + 1)).long().clamp(max=frames)
    start = (torch.rand(rows, 1, generator=generator) * (frames - length + 1)).long()
    at = torch.arange(frames)
    lost |= (at >= start) & (at < start + length)
    kept = have & ~lost
    first = torch.zeros_like(have).scatter_(1, have.int().argmax(dim=1, keepdim=True), True) & have
    kept = torch.where(kept.any(dim=1, keepdim=True), kept, first)
    return kept.to(frame_available.device)

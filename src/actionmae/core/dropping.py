"""Which modalities and which frames are dropped while training (§3.1: K of N, 0 ≤ K < N), as pure functions.

Shapes: B batch, M modality, T frame. Masks are bool, True = present.
"""

import torch
from jaxtyping import Bool
from torch import Generator, Tensor

from actionmae.core.choices import Draw, Per


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
        visible = _first_that_meets(have, draws, generator)
    return visible.to(available.device)


def _first_that_meets(have: Bool[Tensor, "B M"], draws: int, generator: Generator) -> Bool[Tensor, "B M"]:
    """What each row has of the first of many random subsets that meets it: uniform over the row's own subsets."""
    # How many are drawn depends on the rows. The caller's generator goes on alike for all: processes may share it.
    own = Generator().manual_seed(int(torch.randint(2**63 - 1, (), generator=generator)))
    visible, waiting = torch.zeros_like(have), have.any(dim=1)
    while bool(waiting.any()):
        drawn = torch.randint(2, (draws, have.shape[1]), generator=own).bool() & have
        visible = torch.where(waiting[:, None], drawn, visible)
        waiting &= ~drawn.any(dim=1)
    return visible


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

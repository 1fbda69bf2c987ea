"""Encode the frames that exist, and nothing else: what every encoder of single frames shares.

Legend: R rows (clips that have this modality), T frame, C embed_dim, F frames that exist.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def gather_scatter(
    encoder: Callable[[Tensor], Tensor],
    x: Tensor,
    available: Bool[Tensor, "R T"] | None,
    width: int,
    *,
    training: bool = True,
) -> Float[Tensor, "R T C"]:
    """Run `encoder` on the frames [F, …] of x [R, T, …] that exist; the features of the others are zero.

    Absent frames so neither touch BatchNorm statistics nor cost time.

    Args:
        encoder: [F, …] → [F, width].
        x: [R, T, …].
        available: Which frames exist; None = all.
        width: C.
        training: Whether BatchNorm may be in training, which refuses one value per channel: a single frame then goes
            in twice.
    """
    rows, frames = x.shape[:2]
    flat = x.flatten(0, 1)
    if torch.compiler.is_exporting():  # a graph cannot leave frames out; it only runs where nothing mixes frames
        encoded = encoder(flat).reshape(rows, frames, width)
        return encoded if available is None else torch.where(available[:, :, None], encoded, 0.0)
    if available is None or bool(available.all()):
        return _encode(encoder, flat, training).reshape(rows, frames, width)
    index = available.flatten().nonzero().flatten()
    encoded = _encode(encoder, flat[index], training)
    return encoded.new_zeros(rows * frames, width).index_copy(0, index, encoded).reshape(rows, frames, width)


def _encode(encoder: Callable[[Tensor], Tensor], frames: Tensor, training: bool) -> Tensor:
    if training and len(frames) == 1:
        return encoder(frames.expand(2, *frames.shape[1:]))[:1]
    return encoder(frames)


def nearest_available(frame_available: Bool[Tensor, "R T"]) -> Tensor:
    """Index of the nearest frame that exists, [R, T] int64; a tie goes to the earlier frame."""
    at = torch.arange(frame_available.shape[1], device=frame_available.device)
    distance = (at[:, None] - at[None, :]).abs()[None].float()  # [1, T, T]
    return distance.masked_fill(~frame_available[:, None, :], math.inf).argmin(dim=2)

"""Which mean and standard deviation frames are normalised with, and what a network was trained with."""

from collections.abc import Sequence

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of RGB in 0–1. The device transform normalises every frame of three channels with these."""


def rescaling(mean: Sequence[float], std: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """(factor, offset) that turn frames normalised with ImageNet's values into frames normalised with others.

    Args:
        mean: Of RGB in 0–1, as the network's weights were trained.
        std: Likewise.

    Returns:
        One number for each channel, or None where nothing changes.
    """
    if tuple(mean) == IMAGENET_MEAN and tuple(std) == IMAGENET_STD:
        return None
    factor = tuple(ours / theirs for ours, theirs in zip(IMAGENET_STD, std, strict=True))
    offset = tuple((ours - theirs) / by for ours, theirs, by in zip(IMAGENET_MEAN, mean, std, strict=True))
    return factor, offset

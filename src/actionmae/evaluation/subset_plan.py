"""Which subsets are scored: all of them for a few modalities, beyond that those that matter most and a random sample.

2^M − 1 doubles with every modality; what is scored here grows as 2.5 M². No torch.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from actionmae.core.seeds import numpy_generator
from actionmae.core.subsets import Subset, all_subsets

ALL_SUBSETS_UP_TO = 7
"""With this many modalities (127 subsets) all of them are scored unless the caller says otherwise."""

_MOST = 16  # 65,535 subsets: the largest number that is ever listed


@dataclass(frozen=True, kw_only=True)
class SubsetPlan:
    """What to score.

    Attributes:
        subsets: In table order, largest first.
        sampled: Whether those of 3 to M − 2 modalities are a random sample.
    """

    subsets: tuple[Subset, ...]
    sampled: bool


def plan_subsets(
    num_modalities: int, supported: Sequence[Subset] | None = None, *, all_subsets_up_to: int = ALL_SUBSETS_UP_TO
) -> SubsetPlan:
    """All subsets, or the full set, every single modality, every pair, every leave-one-out and a sample of the others.

    Of every other size 2 M subsets are drawn (all, if there are no more), the same for everybody with M modalities, so
    that models are compared on the same ones.

    Args:
        num_modalities: M, at least 1.
        supported: The subsets that the model predicts from, all of which are scored; None = all there are.
        all_subsets_up_to: The largest M for which nothing is left out, 1–16.

    Raises:
        ValueError: If `all_subsets_up_to` is out of range.
    """
    check_limit(all_subsets_up_to)
    if supported is not None:
        return SubsetPlan(subsets=table_order(supported), sampled=False)
    if num_modalities <= all_subsets_up_to:
        return SubsetPlan(subsets=tuple(all_subsets(num_modalities)), sampled=False)
    drawn = (subset for size in range(3, num_modalities - 1) for subset in _draw(num_modalities, size))
    return SubsetPlan(subsets=table_order([*fixed_subsets(num_modalities), *drawn]), sampled=True)


def check_limit(all_subsets_up_to: int) -> None:
    """Raise ValueError unless so many modalities can be scored in full."""
    if not 1 <= all_subsets_up_to <= _MOST:
        raise ValueError(f"all_subsets_up_to is {all_subsets_up_to}: give a number of modalities between 1 and {_MOST}")


def fixed_subsets(num_modalities: int) -> tuple[Subset, ...]:
    """The subsets that are never left out: the full set, every leave-one-out, every pair, every single modality."""
    sizes = (1, 2, num_modalities - 1, num_modalities)
    return table_order(subset for size in sizes if size for subset in combinations(range(num_modalities), size))


def table_order(subsets: Iterable[Subset]) -> tuple[Subset, ...]:
    """Largest first, each size in slot order; each once."""
    return tuple(sorted(set(subsets), key=lambda subset: (-len(subset), subset)))


def _draw(num_modalities: int, size: int) -> set[Subset]:
    """2 M of the subsets of one size (all, if there are no more): two random ones, turned around a random circle.

    So each modality is in equally many of them, and what a strong one brings is not taken for a large subset's merit.
    """
    count = 2 * num_modalities
    if math.comb(num_modalities, size) <= count:
        return set(combinations(range(num_modalities), size))
    rng = numpy_generator("subset sample", num_modalities, size)
    drawn: set[Subset] = set()
    while len(drawn) < count:
        circle, first = rng.permutation(num_modalities), rng.choice(num_modalities, size, replace=False)
        turned = (circle[(first + turn) % num_modalities] for turn in range(num_modalities))
        orbit = {tuple(sorted(subset.tolist())) for subset in turned}
        if len(orbit) == num_modalities and not orbit & drawn:
            drawn |= orbit
    return drawn

"""Why a model says what it says: each sensor's own vote, and what the answer loses without it."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from actionmae.core.subsets import Subset
from actionmae.inference.prediction import Vote
from actionmae.nn.architectures import SavedModel

Probabilities = Callable[[Tensor, Tensor], Tensor]
"""(tokens [R, M, C], visible [R, M]) → [R, K] on the CPU."""


def cast_votes(
    model: SavedModel, probabilities: Probabilities, tokens: Float[Tensor, "B M C"], available: Bool[Tensor, "B M"]
) -> list[tuple[Vote, ...]]:
    """The votes of each clip's available modalities, in slot order; encodes nothing anew.

    Args:
        model: Whose tokens they are.
        probabilities: Of the classes.
        tokens: As encoded.
        available: Which of them exist.
    """
    subsets = [tuple(row.nonzero()[:, 0].tolist()) for row in available.cpu()]
    wanted: list[tuple[int, Subset]] = []
    for row, subset in enumerate(subsets):
        parts = [subset, *((slot,) for slot in subset), *(_without(subset, slot) for slot in subset)]
        wanted += [(row, part) for part in dict.fromkeys(parts) if part and _predicts(model, part)]
    masks = torch.zeros(len(wanted), len(model.modalities), dtype=torch.bool)
    for at, (_, part) in enumerate(wanted):
        masks[at, list(part)] = True
    rows = torch.tensor([row for row, _ in wanted], device=tokens.device)
    found = dict(zip(wanted, probabilities(tokens[rows], masks.to(tokens.device)), strict=True))
    return [tuple(_vote(model, found, row, subset, slot) for slot in subset) for row, subset in enumerate(subsets)]


def _without(subset: Subset, slot: int) -> Subset:
    return tuple(other for other in subset if other != slot)


def _predicts(model: SavedModel, subset: Subset) -> bool:
    return model.supported_subsets is None or subset in model.supported_subsets


def _vote(model: SavedModel, found: dict[tuple[int, Subset], Tensor], row: int, subset: Subset, slot: int) -> Vote:
    alone, rest = found.get((row, (slot,))), found.get((row, _without(subset, slot)))
    every = found[row, subset]
    answer = int(every.argmax())
    return Vote(
        modality=model.modalities.names[slot],
        label=None if alone is None else model.classes[int(alone.argmax())],
        probability=None if alone is None else float(alone.max()),
        share=None if rest is None else float(every[answer] - rest[answer]),
    )

"""Why a model says what it says: each sensor's own vote, and what the answer loses without it. No torch."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float

from actionmae.core.subsets import Subset
from actionmae.inference.calibrated import Described
from actionmae.inference.prediction import Vote

Probabilities = Callable[[Float[np.ndarray, "R M C"], Bool[np.ndarray, "R M"]], Float[np.ndarray, "R K"]]
"""Of the classes, from tokens and which of them are visible."""


def cast_votes(
    model: Described,
    probabilities: Probabilities,
    tokens: Float[np.ndarray, "B M C"],
    available: Bool[np.ndarray, "B M"],
) -> list[tuple[Vote, ...]]:
    """The votes of each clip's available modalities, in slot order; encodes nothing anew.

    Args:
        model: Whose tokens they are.
        probabilities: Of the classes.
        tokens: As encoded.
        available: Which of them exist.
    """
    subsets: list[Subset] = [tuple(np.flatnonzero(row).tolist()) for row in available]
    wanted: list[tuple[int, Subset]] = []
    for row, subset in enumerate(subsets):
        parts = [subset, *((slot,) for slot in subset), *(_without(subset, slot) for slot in subset)]
        wanted += [(row, part) for part in dict.fromkeys(parts) if part and _predicts(model, part)]
    masks = np.zeros((len(wanted), len(model.modalities)), dtype=np.bool_)
    for at, (_, part) in enumerate(wanted):
        masks[at, list(part)] = True
    rows: Sequence[int] = [row for row, _ in wanted]
    found = dict(zip(wanted, probabilities(tokens[rows], masks), strict=True))
    return [tuple(_vote(model, found, row, subset, slot) for slot in subset) for row, subset in enumerate(subsets)]


def _without(subset: Subset, slot: int) -> Subset:
    return tuple(other for other in subset if other != slot)


def _predicts(model: Described, subset: Subset) -> bool:
    return model.supported_subsets is None or subset in model.supported_subsets


def _vote(
    model: Described, found: dict[tuple[int, Subset], Float[np.ndarray, " K"]], row: int, subset: Subset, slot: int
) -> Vote:
    alone, rest = found.get((row, (slot,))), found.get((row, _without(subset, slot)))
    every = found[row, subset]
    answer = int(every.argmax())
    return Vote(
        modality=model.modalities.names[slot],
        label=None if alone is None else model.classes[int(alone.argmax())],
        probability=None if alone is None else float(alone.max()),
        leave_one_out=None if rest is None else float(every[answer] - rest[answer]),
    )

"""Subsets of modalities as the paper writes them ("R+D+I"), and their enumeration in the paper's table order. No torch.

A subset is a tuple of modality indices in ascending order; it is never empty.
"""

from itertools import combinations

from actionmae.core.modality import ModalitySet

Subset = tuple[int, ...]


def all_subsets(num_modalities: int) -> list[Subset]:
    """The 2^M − 1 non-empty subsets, largest first, each size in slot order: R+D+I, R+D, R+I, D+I, R, D, I (Table 5).

    Args:
        num_modalities: M, at least 1.

    Raises:
        ValueError: If M < 1.
    """
    if num_modalities < 1:
        raise ValueError(f"num_modalities is {num_modalities}: give at least 1")
    slots = range(num_modalities)
    return [subset for size in range(num_modalities, 0, -1) for subset in combinations(slots, size)]


def format_subset(subset: Subset, modalities: ModalitySet) -> str:
    """The subset's name by letters in slot order, for example "R+D"."""
    return "+".join(modalities[slot].letter for slot in subset)


def parse_subset(text: str, modalities: ModalitySet) -> Subset:
    """Read "R+D", "D+R" or "rgb+depth" as a subset.

    Raises:
        ValueError: If a part is neither a letter nor a name of `modalities`, is repeated, or if nothing is named.
    """
    slots = []
    for part in (piece.strip() for piece in text.split("+")):
        if part in modalities.letters:
            slots.append(modalities.letters.index(part))
        elif part in modalities:
            slots.append(modalities.index(part))
        else:
            known = ", ".join(f"{spec.letter} ({spec.name})" for spec in modalities)
            raise ValueError(f"unknown modality {part!r} in subset {text!r}: known are {known}; write for example R+D")
    if len(set(slots)) < len(slots):
        raise ValueError(f"subset {text!r} names a modality twice: name each once")
    return tuple(sorted(slots))

"""Words that settings may be, and one sentence for any other word. No torch here."""

import difflib
from collections.abc import Iterable
from typing import Any, Literal, get_args

Per = Literal["batch", "sample"]
"""Which modalities are dropped: one draw for the batch, or one for each sample."""

Draw = Literal["uniform_k", "uniform_subset"]
"""How it is drawn: K uniform, then a K-subset (§3.1); or uniform over the non-empty subsets."""

Reduction = Literal["mean", "sum"]
"""Eq. 5 over C."""

Positions = Literal["input", "attention", "none"]
"""Where fixed positions enter: at a transformer's input (Eq. 2, Fig. 5), in every Q, K, V (Eq. 7), or nowhere."""

Dropped = Literal["encode", "detach", "skip"]
"""What becomes of a modality that no clip of a batch shows: encoded, encoded without gradient, or not encoded."""

Norm = Literal["batch", "frozen", "group"]
"""BatchNorm of frame encoders: as it is, as a fixed affine map, or GroupNorm instead."""


def check_choice(name: str, value: str, choices: Any) -> None:
    """Refuse a word that a `Literal` type does not list; a checker sees that earlier, a notebook does not.

    Args:
        name: What the error calls the setting.
        value: Given.
        choices: The `Literal` type.

    Raises:
        ValueError: If `value` is none of the choices.
    """
    allowed = get_args(choices)
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: choose {', '.join(allowed[:-1])} or {allowed[-1]}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The closest known name, as " (did you mean 'rgb'?)"; empty if none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""

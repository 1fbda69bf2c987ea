"""What the switches of all methods have in common. No torch in this room: the command line lists them without it."""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """What all methods share.

    Attributes:
        name: The registered method; see docs/reference/methods.md.
        label_smoothing: α of the cross-entropy (§4.1: 0.1).

    Raises:
        ValueError: If a number is out of range or a word is none of the choices.
    """

    name: str
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ValueError(f"method.label_smoothing is {self.label_smoothing}: give a number in [0, 1)")
        for name, value in dataclasses.asdict(self).items():
            if name.endswith("_weight") and not value >= 0:
                raise ValueError(f"method.{name} is {value}: give 0 or more")

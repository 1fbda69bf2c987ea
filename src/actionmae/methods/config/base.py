"""What the switches of all methods have in common. No torch in this room: the command line lists them without it."""

import dataclasses
from dataclasses import dataclass

from actionmae.core.choices import Draw, Per, check_choice


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
            if name.endswith("_fraction") and not 0 <= value < 1:
                raise ValueError(f"method.{name} is {value}: give a number in [0, 1)")
            if name.endswith("temperature") and not value > 0:
                raise ValueError(f"method.{name} is {value}: give a number above 0")


@dataclass(frozen=True, kw_only=True)
class DroppingConfig(MethodConfig):
    """Which modalities a method hides while it trains.

    Attributes:
        drop_per: One draw of what to drop for each optimiser step (App. B: "at every iteration") or for each sample.
        drop_draw: K uniform, then a K-subset (§3.1); or uniform over the non-empty subsets.
    """

    drop_per: Per = "batch"
    drop_draw: Draw = "uniform_k"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("method.drop_per", self.drop_per, Per)
        check_choice("method.drop_draw", self.drop_draw, Draw)

"""What several methods need: their stages, the subsets that they draw."""

from collections.abc import Mapping

from jaxtyping import Bool
from torch import Tensor

from actionmae.core.dropping import sample_visible
from actionmae.methods.base import Draws, Group, Stage
from actionmae.methods.config.base import DroppingConfig


def in_two(
    epochs: int, first: str, second: str, *, fraction: float, trained: Mapping[str, Group] | None = None
) -> tuple[Stage, ...]:
    """Two stages that share the epochs, so that a staged method costs no more of them than any other.

    Args:
        epochs: Of both together.
        first: Name of the first stage.
        second: Name of the second.
        fraction: Of the epochs that the first one gets, in [0, 1); the second gets at least one.
        trained: What the first stage trains; None = everything.

    Returns:
        The stages that last at least one epoch.
    """
    early = min(round(epochs * fraction), epochs - 1)
    stages = (
        Stage(name=first, epochs=early, groups=trained or {"all": Group()}),
        Stage(name=second, epochs=epochs - early),
    )
    return tuple(stage for stage in stages if stage.epochs > 0)


def draw_visible(available: Bool[Tensor, "B M"], config: DroppingConfig, draws: Draws) -> Bool[Tensor, "B M"]:
    """Which of the available modalities stay visible in this step."""
    generator = draws.shared if config.drop_per == "batch" else draws.own
    return sample_visible(available, generator=generator, per=config.drop_per, draw=config.drop_draw)

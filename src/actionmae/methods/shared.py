"""What several methods need: their model, their stages, the subsets that they draw."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jaxtyping import Bool
from torch import Tensor

from actionmae.core.dropping import sample_visible
from actionmae.core.modality import ModalitySet
from actionmae.methods.base import Draws, Group, Stage
from actionmae.methods.config.base import DroppingConfig
from actionmae.nn.build import build_classifier
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig


def own_model(
    method: str, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig, **parts: Any
) -> MultiModalClassifier:
    """The model of a method: sizes and encoders of `model`, with the parts that the method names.

    Args:
        method: Its registered name.
        modalities: In slot order.
        classes: Names in the order of the logits.
        model: What the user asks for.
        parts: Fields of `ClassifierConfig` that the method decides.

    Raises:
        ValueError: If `model` asks for a part that the method would not train.
    """
    for part, given in {
        "action_mae": model.action_mae,
        "completion": model.completion,
        "token_heads": model.token_heads,
    }.items():
        if given and given != parts.get(part):
            raise ValueError(f"model.{part} is {given!r} but method {method!r} does not train it: leave it out")
    return build_classifier(modalities, classes=classes, config=replace(model, **parts))


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

"""A training method of one's own, trained and scored by the command line like those of the library.

Run it in this folder, on any manifest: `actionmae --import own_method train --config small --method.name coin_dropout
--method.hide 0.3 --data.manifest FILE --run runs/coin`. What comes out needs no import: it is a model of the library's.
"""

from dataclasses import dataclass

import torch

from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws, Method, MethodConfig, StepOutput, register_method
from actionmae.nn.losses import classification_loss


@dataclass(frozen=True, kw_only=True)
class CoinDropoutConfig(MethodConfig):
    """Switches of `CoinDropout`.

    Attributes:
        hide: Probability, 0–1, with which each sensor of each clip is hidden.
    """

    name: str = "coin_dropout"
    hide: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.hide <= 1:
            raise ValueError(f"method.hide is {self.hide}: give a probability, 0 to 1")


class CoinDropout(Method):
    """Each sensor of each clip is hidden by a toss of its own; one sensor is always left."""

    config: CoinDropoutConfig

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """Classify what is left visible."""
        toss = torch.rand(batch.available.shape, generator=draws.own).to(batch.available.device)
        toss = toss.where(batch.available, -1.0)
        best = torch.zeros_like(batch.available).scatter(1, toss.argmax(dim=1, keepdim=True), True)
        visible = batch.available & ((toss >= self.config.hide) | best)
        output = self.model(batch, visible)
        smoothing = self.config.label_smoothing
        loss = classification_loss(output.logits, batch.targets, label_smoothing=smoothing)
        return StepOutput(losses={"cls": loss}, output=output)


register_method("coin_dropout", CoinDropoutConfig, "own_method:CoinDropout")

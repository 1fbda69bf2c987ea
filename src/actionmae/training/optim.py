"""AdamW and the learning rate as a pure function of the epoch, so that resuming needs no scheduler state."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

Schedule = Literal["step", "linear", "cosine"]


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """How the weights are updated. The defaults are the paper's (§4.1) where it says anything.

    Attributes:
        lr: Learning rate of AdamW at the start (§4.1: 1e-4).
        weight_decay: AdamW's decay, the same for all parameters (§4.1: 1e-4).
        epochs: Passes over the training clips. Paper §4.1 is silent: three steps of 30.
        schedule: "step" multiplies by `gamma` every `step_epochs`; "linear" falls to the same values along straight
            lines (§4.1: "linearly decayed by a factor of 10 every 30 epochs"); "cosine" falls to 0 over all epochs.
        step_epochs: Epochs between two steps.
        gamma: The factor of one step, 0–1.
        warmup_epochs: Epochs (fractions allowed) over which the rate first rises from 0; 0 = none, as in the paper.
        clip_norm: Largest norm of the whole gradient; None = not clipped, as in the paper.

    Raises:
        ValueError: If a value is out of range.
    """

    lr: float = 1e-4
    weight_decay: float = 1e-4
    epochs: int = 90
    schedule: Schedule = "step"
    step_epochs: int = 30
    gamma: float = 0.1
    warmup_epochs: float = 0.0
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        for name in ("lr", "epochs", "step_epochs"):
            if getattr(self, name) <= 0:
                raise ValueError(f"optim.{name} is {getattr(self, name)}: give a number above 0")
        for name in ("weight_decay", "warmup_epochs"):
            if getattr(self, name) < 0:
                raise ValueError(f"optim.{name} is {getattr(self, name)}: give 0 or more")
        if not 0 < self.gamma <= 1:
            raise ValueError(f"optim.gamma is {self.gamma}: give a factor above 0 and at most 1")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ValueError(f"optim.clip_norm is {self.clip_norm}: give a norm above 0, or null for no clipping")


def learning_rate(config: OptimConfig, epoch: float) -> float:
    """The learning rate at a (fractional) epoch.

    Args:
        config: The schedule.
        epoch: Epochs done so far, from 0; batch 3 of 12 in the second epoch is 1.25.
    """
    if config.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * min(epoch / config.epochs, 1.0)))
    else:
        steps, inside = divmod(epoch, config.step_epochs)
        factor = config.gamma**steps
        if config.schedule == "linear":
            factor *= 1 - (1 - config.gamma) * inside / config.step_epochs
    if epoch < config.warmup_epochs:
        # The first batch of all must move, too: count the epoch's own share from its end.
        factor *= max(epoch, 1e-2) / config.warmup_epochs
    return config.lr * factor


def build_optimizer(parameters: Iterable[nn.Parameter], config: OptimConfig, *, fused: bool) -> torch.optim.AdamW:
    """AdamW over all parameters alike: paper §4.1 exempts none from weight decay.

    Args:
        parameters: What is trained.
        config: Learning rate and decay.
        fused: One kernel for the whole step; not with a gradient scaler (precision 16-mixed) and clipping.
    """
    return torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=fused)

"""AdamW and the learning rate as a pure function of the epoch, so that resuming needs no scheduler state."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from actionmae.training.config import OptimConfig


def learning_rate(config: OptimConfig, epoch: float, *, epochs: int | None = None) -> float:
    """The learning rate at a (fractional) epoch.

    Args:
        config: The schedule.
        epoch: Epochs done so far, from 0; batch 3 of 12 in the second epoch is 1.25.
        epochs: Length of the cosine; None = that of the settings.
    """
    if config.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * min(epoch / (epochs or config.epochs), 1.0)))
    else:
        steps, inside = divmod(epoch, config.step_epochs)
        factor = config.gamma**steps
        if config.schedule == "linear":
            factor *= 1 - (1 - config.gamma) * inside / config.step_epochs
    if epoch < config.warmup_epochs:
        factor *= min(max(epoch, 1e-2) / config.warmup_epochs, 1.0)  # not 0 in the first batch
    return config.lr * factor


def build_optimizer(parameters: Iterable[nn.Parameter], config: OptimConfig, *, fused: bool) -> torch.optim.AdamW:
    """AdamW over all parameters alike: paper §4.1 exempts none from weight decay.

    Args:
        parameters: What is trained.
        config: Learning rate and decay.
        fused: One kernel for the whole step; not with a gradient scaler (precision 16-mixed) and clipping.
    """
    return torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=fused)

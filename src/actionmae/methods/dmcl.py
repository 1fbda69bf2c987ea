"""Distillation multiple choice learning: for each clip the best stream teaches the others.

Garcia, Bargal, Ablavsky, Morerio, Murino, Sclaroff, *DMCL: Distillation Multiple Choice Learning for Multimodal Action
Recognition* (2019; WACV 2021).

From the paper: one network per modality, all learnt together from scratch; the network with the lowest cross-entropy
wins a clip and learns from its label, the others from the label and the winner's soft targets; at test time the
predictions of the networks that are there are averaged. Choices: λ and T, label smoothing, that a clip with a single
modality has no teacher, and that the average is one of probabilities.

Legend: B batch, M modality.
"""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Method, StepOutput
from actionmae.methods.config.streams import DMCLConfig
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import masked_mean, slot_losses, soft_target_loss
from actionmae.nn.stream_fusion import AverageFusion


class DMCL(Method):
    """Streams that are averaged; universal: yes.

    Args:
        model: With fusion "average".
        config: λ and T.
    """

    model: MultiModalClassifier
    config: DMCLConfig
    decides: ClassVar = {"fusion": "average"}

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """Cross-entropy of the winners, cross-entropy and soft targets of the losers."""
        fusion, config = self.model.fusion, self.config
        assert isinstance(fusion, AverageFusion)
        logits = fusion.by_slot(self.model.encode(batch), batch.available)
        hard = slot_losses(logits, batch.targets, batch.available, label_smoothing=config.label_smoothing)
        winner = winners(hard, batch.available)
        rows = torch.arange(len(batch), device=winner.device)
        losers = batch.available.clone()
        losers[rows, winner] = False
        teacher = logits[rows, winner][:, None].expand_as(logits)
        soft = soft_target_loss(logits, teacher, temperature=config.temperature)
        hard = torch.where(losers, (1 - config.soft_weight) * hard, hard)
        losses = {
            "cls": masked_mean(hard, batch.available),
            "soft": config.soft_weight * masked_mean(torch.where(losers, soft, 0.0), batch.available),
        }
        won = torch.zeros_like(losers).index_put_((rows, winner), losers.new_ones(())).float().mean(dim=0)
        logs = {f"won/{name}": won[slot] for slot, name in enumerate(self.model.modalities.names)}
        return StepOutput(losses=losses, logs=logs)


def winners(losses: Float[Tensor, "B M"], available: Bool[Tensor, "B M"]) -> Int64[Tensor, " B"]:
    """The available slot with the lowest loss of each clip."""
    return torch.where(available, losses.detach(), torch.inf).argmin(dim=1)

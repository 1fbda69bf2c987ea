"""Modality experts, a gate over those that are there, and a loss that wants more modalities to be no worse than fewer.

*SimMLM: A Simple Framework for Multi-modal Learning with Missing Modality* (2025, arXiv 2507.19264).

From the paper: one expert per modality, trained alone first, then all together with a gate whose softmax runs over the
experts that are there; the MoFe ranking loss max(0, L(more) − L(fewer)) for two nested sets. Choices: the gate is one
linear layer on the tokens, both sets are drawn as ActionMAE draws one, both have a cross-entropy, and the ranking
loss does not move L(fewer), which it could otherwise reduce by making fewer modalities worse.
"""

from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Group, Method, Stage, StepOutput
from actionmae.methods.config.streams import SimMLMConfig
from actionmae.methods.shared import draw_visible, in_two
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import token_classification_loss
from actionmae.nn.stream_fusion import GatedFusion


class SimMLM(Method):
    """Gated experts; universal: yes.

    Args:
        model: With fusion "gated".
        config: Weight, epochs and drawing.
    """

    model: MultiModalClassifier
    config: SimMLMConfig
    decides: ClassVar = {"fusion": "gated"}

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """The experts alone, then with the gate."""
        alone = {"experts": Group(parts=("model.encoders", "model.fusion.heads"))}
        return in_two(epochs, "experts", "joint", fraction=self.config.experts_fraction, trained=alone)

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "joint", group: str = "all") -> StepOutput:
        """Each expert's cross-entropy; in the second stage that of two nested sets, and their ranking."""
        fusion, config = self.model.fusion, self.config
        assert isinstance(fusion, GatedFusion)
        tokens = self.model.encode(batch)
        if stage == "experts":
            logits = fusion.by_slot(tokens, batch.available)
            loss = token_classification_loss(
                logits, batch.targets, batch.available, label_smoothing=config.label_smoothing
            )
            return StepOutput(losses={"experts": loss})
        more = draw_visible(batch.available, config, draws)
        fewer = draw_visible(more, config, draws)
        each = [
            F.cross_entropy(
                fusion(tokens, seen), batch.targets, label_smoothing=config.label_smoothing, reduction="none"
            )
            for seen in (more, fewer)
        ]
        losses = {"more": each[0].mean(), "fewer": each[1].mean()}
        losses["rank"] = config.rank_weight * more_versus_fewer(*each)
        gates = fusion.gates(tokens, batch.available).detach().mean(dim=0)
        return StepOutput(
            losses=losses, logs={f"gate/{name}": gates[slot] for slot, name in enumerate(self.model.modalities.names)}
        )


def more_versus_fewer(more: Float[Tensor, " B"], fewer: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Mean of max(0, L(more) − L(fewer)); no gradient into L(fewer)."""
    return (more - fewer.detach()).clamp(min=0).mean()

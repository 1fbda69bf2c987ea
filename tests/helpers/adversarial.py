"""A method with two optimisers: a critic tells the modalities' tokens apart, the model makes that hard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws, Group, Method, MethodConfig, Stage, StepOutput
from actionmae.nn import ClassifierConfig, build_classifier


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig(MethodConfig):
    """Switches of `Adversarial`."""

    name: str = "adversarial"
    fool_weight: float = 0.1


class Adversarial(Method):
    """Critic and model, stepped in turn for each batch."""

    @classmethod
    def build(
        cls, config: Any, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig
    ) -> "Adversarial":
        method = cls(model=build_classifier(modalities, classes=classes, config=model), config=config)
        method.critic = nn.Linear(model.embed_dim, len(modalities))
        return method

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        groups = {"critic": Group(parts=("critic",), lr_factor=2.0), "model": Group(parts=("model",))}
        return (Stage(name="train", epochs=epochs, groups=groups),)

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        output = self.model(batch)
        tokens = output.tokens[batch.available]
        slots = torch.arange(batch.available.shape[1]).expand_as(batch.available)[batch.available]
        if group == "critic":
            return StepOutput(losses={"critic": F.cross_entropy(self.critic(tokens.detach()), slots)})
        losses: dict[str, Tensor] = {"cls": F.cross_entropy(output.logits, batch.labels)}
        losses["fool"] = -self.config.fool_weight * F.cross_entropy(self.critic(tokens), slots)
        return StepOutput(losses=losses, output=output)

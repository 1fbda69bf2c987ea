"""A joint loss and one of each modality alone, whose gradients on the encoders are balanced.

Wei, Hu, *MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance* (ICML 2024).

From the paper: encoder m has the gradients g of the joint and u of its own loss. If they do not conflict (cos ≥ 0) it
follows g + u; if they do, 2 α g + 2 (1 − α) u with the α that makes α g + (1 − α) u shortest, a direction that lowers
both losses. The result is brought to γ times the length of g + u (γ = 1.5). Choices: angles and lengths are those of
the gradient on the tokens z^m of the batch, which all of encoder m's gradient passes through, instead of its
parameters; nothing is dropped in training, as in the paper, so that missing modalities are served but not trained for.

Legend: B batch, M modality, C embed_dim.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Method, StepOutput
from actionmae.methods.config.subsets import MMParetoConfig
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import classification_loss, token_classification_loss


class MMPareto(Method):
    """Balanced gradients of a model with token heads; universal: yes.

    Args:
        model: With token heads and any fusion.
        config: γ.
    """

    model: MultiModalClassifier
    config: MMParetoConfig
    decides: ClassVar = {"token_heads": True}

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """Both losses for the heads; a third term, 0 in value, has the balanced gradient for the encoders."""
        smoothing, have = self.config.label_smoothing, batch.available
        encoded = self.model.encode(batch)
        tokens = encoded.detach().requires_grad_()
        joint = classification_loss(self.model.classify(tokens, have), batch.targets, label_smoothing=smoothing)
        alone = token_classification_loss(
            self.model.classify_tokens(tokens, have), batch.targets, have, label_smoothing=smoothing
        )
        (of_joint,) = torch.autograd.grad(joint, tokens, retain_graph=True)
        (of_alone,) = torch.autograd.grad(alone, tokens, retain_graph=True)
        balanced, conflict = balance(of_joint, of_alone, rescale=self.config.rescale)
        losses = {
            "joint": joint,
            "alone": alone,
            "balance": (balanced * (encoded - encoded.detach())).sum(),
        }
        names = self.model.modalities.names
        return StepOutput(losses=losses, logs={f"conflict/{name}": conflict[slot] for slot, name in enumerate(names)})


def balance(
    joint: Float[Tensor, "B M C"], alone: Float[Tensor, "B M C"], *, rescale: float
) -> tuple[Float[Tensor, "B M C"], Float[Tensor, " M"]]:
    """The gradient that each encoder follows.

    Args:
        joint: Gradient of the joint loss on the tokens.
        alone: That of the losses of single modalities.
        rescale: γ.

    Returns:
        The balanced gradient, and 1 for each modality whose gradients conflict, else 0.
    """
    dot = (joint * alone).sum(dim=(0, 2), keepdim=True)  # [1, M, 1]
    conflict = dot < 0
    gap = (joint - alone).square().sum(dim=(0, 2), keepdim=True)
    weight = ((alone.square().sum(dim=(0, 2), keepdim=True) - dot) / gap.clamp(min=1e-30)).clamp(0, 1)
    weight = torch.where(conflict, weight, 0.5)
    mixed, plain = 2 * weight * joint + 2 * (1 - weight) * alone, joint + alone
    lengths = [each.square().sum(dim=(0, 2), keepdim=True).sqrt() for each in (plain, mixed)]
    scale = torch.where(lengths[1] > 0, lengths[0] / lengths[1].clamp(min=1e-30), 1.0)
    return rescale * scale * mixed, conflict.flatten().float()

"""Missing tokens from priors, Bayesian regularisation, and a fusion that is meta-learnt.

Ma, Ren, Zhao, Tulyakov, Wu, Peng, *SMIL: Multimodal Learning with Severely Missing Modality* (AAAI 2021).

From the paper: a missing modality's features are a weighted sum of its priors, the K-means centres of the training
features, with weights from what is there; features are multiplied by softplus(r), r drawn from a learnt normal
distribution with a KL term; the main network takes an inner step on incomplete data and is judged, with the weights
after that step, on complete data. Choices: all of it at token level; centres follow the encoders by sequential K-means;
the main network is the fusion; the step is of first order, and the loss of the incomplete clips, which teaches the
weights of the priors, stays in the sum; incomplete clips are drawn by dropping modalities.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.func import functional_call

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Method, StepOutput
from actionmae.methods.config.imagination import SMILConfig
from actionmae.methods.shared import draw_visible
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import classification_loss, masked_mean
from actionmae.nn.prior_tokens import PriorTokens


class SMIL(Method):
    """Priors for missing tokens and a meta-learnt fusion; universal: yes.

    Args:
        model: With completion "prior_tokens" and fusion_input "reconstructed".
        config: Inner step, weight and drawing.
    """

    model: MultiModalClassifier
    config: SMILConfig
    decides: ClassVar = {"completion": "prior_tokens", "fusion_input": "reconstructed"}

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """The loss of incomplete clips, that of complete ones after an inner step, and the divergence."""
        config, model, have = self.config, self.model, batch.available
        priors = model.completion
        assert isinstance(priors, PriorTokens)
        tokens = model.encode(batch)
        priors.learn(tokens.detach(), have)
        visible = draw_visible(have, config, draws)
        logits = model.classify(*model.reconstruct(tokens, visible))
        missing = classification_loss(logits, batch.targets, label_smoothing=config.label_smoothing)
        after = functional_call(model.fusion, self._inner_step(missing), model.reconstruct(tokens, have))
        losses = {
            "missing": missing,
            "full": classification_loss(after, batch.targets, label_smoothing=config.label_smoothing),
            "divergence": config.divergence_weight * masked_mean(priors.divergence(tokens), have),
        }
        return StepOutput(losses=losses)

    def _inner_step(self, loss: Tensor) -> dict[str, Tensor]:
        """The fusion's weights after one step of gradient descent; their own gradient is that of the new ones."""
        named = {name: each for name, each in self.model.fusion.named_parameters() if each.requires_grad}
        gradients = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
        return {
            name: weight if gradient is None else weight - self.config.inner_lr * gradient
            for (name, weight), gradient in zip(named.items(), gradients, strict=True)
        }

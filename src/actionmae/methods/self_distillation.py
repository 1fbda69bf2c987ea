"""What the model says of all modalities teaches what it says of fewer of them.

After KARMMA (2025, arXiv 2504.08578) and Wei, Luo, Luo, *MMANet* (CVPR 2023).

From the papers: a pass over everything teaches a pass with modalities dropped by the KL divergence of soft targets,
beside both cross-entropies. Choices: teacher and student are one model (theirs is trained before and frozen), so that
tokens are encoded once and a subset costs one fusion; only logits are distilled (MMANet distils features by margin,
too, and pushes weak combinations by a branch of their own); how subsets are drawn.
"""

import torch

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Method, StepOutput
from actionmae.methods.config.subsets import SelfDistillationConfig
from actionmae.methods.shared import draw_visible
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import classification_loss, soft_target_loss


class SelfDistillation(Method):
    """Full set → subsets; universal: yes.

    Args:
        model: With any fusion.
        config: Weights, temperature and drawing.
    """

    model: MultiModalClassifier
    config: SelfDistillationConfig

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """Cross-entropy of all and of the drawn modalities, and the soft targets between them."""
        config, smoothing = self.config, self.config.label_smoothing
        tokens = self.model.encode(batch)
        full = self.model.classify(tokens, batch.available)
        hard, soft = [], []
        for _ in range(config.num_subsets):
            logits = self.model.classify(tokens, draw_visible(batch.available, config, draws))
            hard.append(classification_loss(logits, batch.targets, label_smoothing=smoothing))
            soft.append(soft_target_loss(logits, full, temperature=config.temperature).mean())
        losses = {
            "cls": classification_loss(full, batch.targets, label_smoothing=smoothing),
            "subset": config.subset_weight * torch.stack(hard).mean(),
            "soft": config.soft_weight * torch.stack(soft).mean(),
        }
        return StepOutput(losses=losses)

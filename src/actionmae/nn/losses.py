"""The losses of §3.2, reconstruction (Eq. 5) and classification (Eq. 6 is their sum), and those that methods share.

Legend: B batch, M modality, C embed_dim.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from actionmae.core.choices import Reduction

Targets = Int64[Tensor, " B"] | Float[Tensor, "B num_classes"]
"""`ClipBatch.targets`: class indices, or probabilities."""


def reconstruction_loss(
    reconstructed: Float[Tensor, "B M C"],
    tokens: Float[Tensor, "B M C"],
    dropped: Bool[Tensor, "B M"],
    *,
    detach_target: bool = True,
    reduction: Reduction = "mean",
    normalize_target: bool = False,
) -> Float[Tensor, ""]:
    """Eq. 5: per sample (1/K) Σ_i ‖z^{j_i} − ẑ^{j_i}‖² over its K dropped tokens, averaged over the batch.

    A sample with K = 0 counts 0. Slots that are not dropped are never read, so absent modalities may hold anything.

    Args:
        reconstructed: ẑ at every slot.
        tokens: z at every slot.
        dropped: available & ~visible: the only targets.
        detach_target: No gradient into z (§3.2: "only memory token and dummy tokens are affected").
        reduction: Over C: "mean" (an MSE) or "sum" (Eq. 5 as printed).
        normalize_target: Compare with z of zero mean and unit variance over C (He et al. 2022, §4).

    Returns:
        Scalar ≥ 0, attached to the graph even when nothing was dropped.
    """
    target = tokens.detach() if detach_target else tokens
    chosen = dropped[:, :, None]
    target = torch.where(chosen, target, 0.0)
    if normalize_target:
        target = F.layer_norm(target, target.shape[-1:])
    error = torch.where(chosen, reconstructed - target, 0.0).square()  # [B, M, C]
    per_token = error.mean(dim=2) if reduction == "mean" else error.sum(dim=2)
    per_sample = per_token.sum(dim=1) / dropped.sum(dim=1).clamp(min=1)
    return per_sample.mean()


def classification_loss(
    logits: Float[Tensor, "B num_classes"], targets: Targets, *, label_smoothing: float = 0.1
) -> Float[Tensor, ""]:
    """Cross-entropy with label smoothing (Szegedy et al. 2016; §2.2, §4.1: α = 0.1), mean over the batch."""
    return F.cross_entropy(logits, targets, label_smoothing=label_smoothing)


def token_classification_loss(
    token_logits: Float[Tensor, "B M num_classes"],
    targets: Targets,
    available: Bool[Tensor, "B M"],
    *,
    label_smoothing: float = 0.1,
) -> Float[Tensor, ""]:
    """Cross-entropy of one classifier per modality token, mean over the tokens that exist. Not in the paper.

    Each encoder gets a training signal of its own, so that no dominant modality starves the others.
    """
    return masked_mean(slot_losses(token_logits, targets, available, label_smoothing=label_smoothing), available)


def slot_losses(
    token_logits: Float[Tensor, "B M num_classes"],
    targets: Targets,
    available: Bool[Tensor, "B M"],
    *,
    label_smoothing: float = 0.1,
) -> Float[Tensor, "B M"]:
    """Cross-entropy of every clip in every slot; 0, without gradient, where `available` is False."""
    kept = torch.where(available[:, :, None], token_logits, 0.0)
    wanted = targets[..., None].expand(*targets.shape, available.shape[1])
    losses = F.cross_entropy(kept.transpose(1, 2), wanted, label_smoothing=label_smoothing, reduction="none")
    return torch.where(available, losses, 0.0)


def soft_target_loss(
    logits: Float[Tensor, "*rows num_classes"], targets: Float[Tensor, "*rows num_classes"], *, temperature: float = 1.0
) -> Float[Tensor, "*rows"]:
    """T² KL(softmax(targets / T) ‖ softmax(logits / T)) of every row (Hinton, Vinyals, Dean 2015); ≥ 0.

    T² keeps the size of the gradient; the teacher's logits, `targets`, get none.

    Args:
        logits: The student's.
        targets: The teacher's.
        temperature: T > 0; above 1 the wrong classes count for more.
    """
    wanted = (targets.detach() / temperature).log_softmax(dim=-1)
    given = (logits / temperature).log_softmax(dim=-1)
    return temperature**2 * (wanted.exp() * (wanted - given)).sum(dim=-1)


def masked_mean(values: Float[Tensor, "*rows"], mask: Bool[Tensor, "*rows"]) -> Float[Tensor, ""]:
    """Mean of the values where `mask` is True; 0 if it never is. The other values are not read, not even NaN."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)

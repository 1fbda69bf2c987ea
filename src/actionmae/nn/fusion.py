"""Fusion of modality tokens into class logits (§2.3): sum, concat, transformer. All take a mask of the filled slots.

Legend: B batch, M modality, C embed_dim.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.class_token import ClassTokenTransformer


class SumFusion(nn.Module):
    """Σ_m FC^m(z^m) (§2.3). A missing modality leaves its whole term out, bias included.

    Args:
        num_modalities: M.
        dim: C.
        num_classes: Width of the logits.
    """

    def __init__(self, *, num_modalities: int, dim: int, num_classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(dim, num_classes) for _ in range(num_modalities))

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""
        return logits_by_slot(self.heads, tokens, filled).sum(dim=1)


def logits_by_slot(
    heads: nn.ModuleList, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]
) -> Float[Tensor, "B M num_classes"]:
    """Each slot's own linear head on its tokens; 0 where nothing is filled.

    A head that no row needs is not run while training: its gradient stays None, so that AdamW leaves it alone. With a
    gradient of 0 its weights would decay and drift on.
    """
    everything = torch.compiler.is_compiling() or not torch.is_grad_enabled()
    used = [True] * len(heads) if everything else filled.any(dim=0).tolist()
    tokens = torch.where(filled[:, :, None], tokens, 0.0)
    logits = [
        head(tokens[:, slot]) if used[slot] else tokens.new_zeros(len(tokens), head.out_features)
        for slot, head in enumerate(cast("Iterable[nn.Linear]", heads))
    ]
    return torch.where(filled[:, :, None], torch.stack(logits, dim=1), 0.0)


class ConcatFusion(nn.Module):
    """FC(‖_m z^m) (§2.3); on a subset S, footnote 3: Σ_{m∈S} (W_m z^m + b / M), which is exact when S is all.

    The FC is one matrix, as in the paper: where a whole batch lacks a modality, its columns have a gradient of 0, and
    AdamW goes on with them.

    Args:
        num_modalities: M.
        dim: C.
        num_classes: Width of the logits.
    """

    def __init__(self, *, num_modalities: int, dim: int, num_classes: int) -> None:
        super().__init__()
        self.num_modalities = num_modalities
        self.head = nn.Linear(num_modalities * dim, num_classes)

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""
        tokens = torch.where(filled[:, :, None], tokens, 0.0)
        share = filled.sum(dim=1, keepdim=True) / self.num_modalities
        weighted = nn.functional.linear(tokens.flatten(1), self.head.weight)  # absent slots are zero: Σ_{m∈S} W_m z^m
        return weighted + share * self.head.bias


class TransformerFusion(ClassTokenTransformer):
    """[cls, z^1 … z^M] + pos through a transformer, its class token through one FC (§2.3).

    Args:
        num_modalities: M; cls has position 0, modality m has m + 1.
        dim: C.
        num_classes: Width of the logits.
        **options: Of `Transformer`. The paper does not say how deep; 2 as its time encoder.
    """

    def __init__(self, *, num_modalities: int, dim: int, num_classes: int, **options: Any) -> None:
        super().__init__(dim=dim, length=num_modalities, **options)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots; the others are never attended to."""
        logits: Tensor = self.head(self.summarise(tokens, filled))
        return logits

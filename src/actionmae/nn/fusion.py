"""Fusion of modality tokens into class logits (§2.3): sum, concat, transformer. All take a mask of the filled slots.

Legend: B batch, M modality, C embed_dim.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.class_token import ClassTokenTransformer
from actionmae.nn.config import ClassifierConfig, TransformerConfig
from actionmae.nn.parts import Part
from actionmae.nn.registry import register_fusion


class SumFusion(nn.Module):
    """Σ_m FC^m(z^m) (§2.3). A missing modality leaves its whole term out, bias included.

    Args:
        num_modalities: M.
        dim: C.
        num_classes: Width of the logits.
    """

    name: ClassVar[str] = "sum"

    def __init__(self, *, num_modalities: int, dim: int, num_classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(dim, num_classes) for _ in range(num_modalities))

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""
        return self.by_slot(tokens, filled).sum(dim=1)

    def by_slot(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B M num_classes"]:
        """Each slot's own logits; 0 where it is not filled."""
        return logits_by_slot(self.heads, tokens, filled)

    def parts(self, names: Sequence[str], layers: Mapping[str, Any], classes: Mapping[str, Any]) -> list[Part]:
        """One linear head for each modality; see `nn.parts`."""
        settings = {"fusion": self.name, "embed_dim": layers["embed_dim"]}
        return [
            Part(role="classifier", modality=name, prefix=f"fusion.heads.{slot}.", settings=settings, only_for=classes)
            for slot, name in enumerate(names)
        ]


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
        fraction = filled.sum(dim=1, keepdim=True) / self.num_modalities
        weighted = nn.functional.linear(tokens.flatten(1), self.head.weight)  # absent slots are zero: Σ_{m∈S} W_m z^m
        return weighted + fraction * self.head.bias

    def parts(self, names: Sequence[str], layers: Mapping[str, Any], classes: Mapping[str, Any]) -> list[Part]:
        """The columns of its matrix belong to slots; see `nn.parts`."""
        only_for = {**classes, "modalities": list(names), "fusion": "concat"}
        settings = {"embed_dim": layers["embed_dim"]}
        return [Part(role="classifier", prefix="fusion.head.", settings=settings, only_for=only_for)]


class TransformerFusion(ClassTokenTransformer):
    """[cls, z^1 … z^M] + pos through a transformer, its class token through one FC (§2.3).

    Args:
        num_modalities: M; cls has position 0, modality m has m + 1.
        num_classes: Width of the logits.
        config: Of the transformer. The paper does not say how deep; 2 as its time encoder.
    """

    def __init__(self, *, num_modalities: int, num_classes: int, config: TransformerConfig) -> None:
        super().__init__(length=num_modalities, config=config)
        self.head = nn.Linear(config.dim, num_classes)

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots; the others are never attended to."""
        logits: Tensor = self.head(self.summarise(tokens, filled))
        return logits

    def parts(self, names: Sequence[str], layers: Mapping[str, Any], classes: Mapping[str, Any]) -> list[Part]:
        """Its layers, which know a modality by its slot's position, and its head; see `nn.parts`."""
        settings = {**layers, "fusion": "transformer", "modalities": list(names)}
        only_for = {**classes, "fusion": "transformer"}
        head = {"embed_dim": layers["embed_dim"]}
        return [
            Part(role="fusion", prefix="fusion.", settings=settings),
            Part(role="classifier", prefix="fusion.head.", settings=head, only_for=only_for),
        ]


@register_fusion("sum")
def _sum(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    return SumFusion(num_modalities=num_modalities, dim=config.embed_dim, num_classes=num_classes)


@register_fusion("concat")
def _concat(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    return ConcatFusion(num_modalities=num_modalities, dim=config.embed_dim, num_classes=num_classes)


@register_fusion("transformer")
def _transformer(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    layers = config.transformer(config.fusion_depth)
    return TransformerFusion(num_modalities=num_modalities, num_classes=num_classes, config=layers)

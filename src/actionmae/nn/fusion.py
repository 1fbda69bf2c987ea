"""Fusion of modality tokens into class logits (§2.3): sum, concat, transformer. All take a mask of the filled slots.

Legend: B batch, M modality, C embed_dim.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.choices import Positions
from actionmae.nn.attention import Transformer, sincos_positions


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
        tokens = torch.where(filled[:, :, None], tokens, 0.0)
        terms = torch.stack([head(tokens[:, slot]) for slot, head in enumerate(self.heads)], dim=1)
        return torch.where(filled[:, :, None], terms, 0.0).sum(dim=1)


class ConcatFusion(nn.Module):
    """FC(‖_m z^m) (§2.3); on a subset S, footnote 3: Σ_{m∈S} (W_m z^m + b / M), which is exact when S is all.

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


class TransformerFusion(nn.Module):
    """[cls, z^1 … z^M] + pos through a transformer, its class token through one FC (§2.3).

    Args:
        num_modalities: M.
        dim: C.
        num_classes: Width of the logits.
        depth: Blocks. The paper does not say; 2 as its time encoder.
        num_heads: Attention heads.
        mlp_dim: Feed-forward width.
        dropout: 0–1.
        positions: Where positions enter: cls has 0, modality m has m + 1.
        final_norm: LayerNorm before the FC.
    """

    pos: Tensor

    def __init__(
        self,
        *,
        num_modalities: int,
        dim: int,
        num_classes: int,
        depth: int = 2,
        num_heads: int = 8,
        mlp_dim: int = 2048,
        dropout: float = 0.0,
        positions: Positions = "input",
        final_norm: bool = True,
    ) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.register_buffer("pos", sincos_positions(num_modalities + 1, dim), persistent=False)
        self.layers = Transformer(
            dim=dim,
            depth=depth,
            num_heads=num_heads,
            mlp_dim=mlp_dim,
            dropout=dropout,
            positions=positions,
            final_norm=final_norm,
        )
        self.head = nn.Linear(dim, num_classes)

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots; the others are never attended to."""
        batch = tokens.shape[0]
        sequence = torch.cat([self.cls_token.expand(batch, -1, -1), tokens], dim=1)  # [B, 1 + M, C]
        mask = torch.cat([filled.new_ones(batch, 1), filled], dim=1)
        logits: Tensor = self.head(self.layers(sequence, pos=self.pos, mask=mask)[:, 0])
        return logits

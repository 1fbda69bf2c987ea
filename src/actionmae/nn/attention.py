"""The transformer layer of the whole project: Eq. 3–4 (pre-LN block) and Eq. 7–10 (multi-head self-attention).

Legend: B batch, N token, n of them, C embed_dim. Masks are True = present; what is masked is never attended to.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.config import TransformerConfig


def sincos_positions(length: int, dim: int) -> Float[Tensor, "length dim"]:
    """Fixed absolute positions of Vaswani et al. (2017), §3.5 (paper Eq. 2's `pos`); values in −1…1.

    Args:
        length: Number of positions, counted from 0.
        dim: Width, even.

    Raises:
        ValueError: If `dim` is odd.
    """
    if dim % 2:
        raise ValueError(f"embed_dim is {dim}: sine-cosine positions need an even width")
    rates = 10000.0 ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1).float()


class SelfAttention(nn.Module):
    """Multi-head self-attention (Eq. 7–10) with a key mask.

    Args:
        dim: C, divisible by `num_heads`.
        num_heads: k in Eq. 10.
        dropout: On attention weights and on the output, 0–1.

    Raises:
        ValueError: If `dim` is not divisible by `num_heads`.
    """

    def __init__(self, *, dim: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"embed_dim {dim} is not divisible by num_heads {num_heads}: choose a divisor of {dim}")
        self.num_heads = num_heads
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(
        self,
        x: Float[Tensor, "B N C"],
        *,
        mask: Bool[Tensor, "B N"] | None = None,
        pos: Float[Tensor, "N C"] | None = None,
        first: int | None = None,
    ) -> Float[Tensor, "B n C"]:
        """Attend over the tokens that `mask` keeps; `pos` is Eq. 7's p, added to each of Q, K and V.

        The `first` n tokens ask; None = all.
        """
        qkv = self.qkv(x)  # [B, N, 3C]
        if pos is not None:
            qkv = qkv + pos.repeat(1, 3)
        q, k, v = qkv.unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # 3 × [B, heads, N, C/heads]
        keys = None if mask is None else mask[:, None, None, :]
        dropout = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(q[:, :, :first], k, v, attn_mask=keys, dropout_p=dropout)  # Eq. 8–9
        return F.dropout(self.proj(out.transpose(1, 2).flatten(2)), self.dropout, self.training)  # Eq. 10


class Block(nn.Module):
    """Pre-LN transformer layer (Eq. 3–4): GELU feed-forward of width `mlp_dim`.

    Args:
        dim: C.
        num_heads: Attention heads.
        mlp_dim: Hidden width of the feed-forward network (App. B: 2048).
        dropout: 0–1; the paper uses none (Table 3).
    """

    def __init__(self, *, dim: int, num_heads: int, mlp_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim=dim, num_heads=num_heads, dropout=dropout)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, mlp_dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(mlp_dim, dim), nn.Dropout(dropout)
        )

    def forward(
        self,
        x: Float[Tensor, "B N C"],
        *,
        mask: Bool[Tensor, "B N"] | None = None,
        pos: Float[Tensor, "N C"] | None = None,
        first: int | None = None,
    ) -> Float[Tensor, "B n C"]:
        """Eq. 3, then Eq. 4, of the `first` n tokens; None = of all."""
        y = x[:, :first] + self.attention(self.norm1(x), mask=mask, pos=pos, first=first)
        out: Tensor = y + self.mlp(self.norm2(y))
        return out


class Transformer(nn.Module):
    """A stack of blocks over a sequence whose places have fixed positions: the one shape behind all four transformers.

    The time transformer, ActionMAE's encoder and decoder, and the fusion transformer differ only in what they put into
    the sequence. Masked places are replaced by zeros first, so that not even NaN in them can leak.

    Args:
        config: Depth, widths, and where positions enter.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.positions = config.positions
        self.blocks = nn.ModuleList(
            Block(dim=config.dim, num_heads=config.num_heads, mlp_dim=config.mlp_dim, dropout=config.dropout)
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.dim) if config.final_norm else nn.Identity()

    def forward(
        self,
        x: Float[Tensor, "B N C"],
        *,
        pos: Float[Tensor, "N C"],
        mask: Bool[Tensor, "B N"] | None = None,
        first: int | None = None,
    ) -> Float[Tensor, "B n C"]:
        """Run the blocks; every row of `mask` keeps at least one token.

        Only the `first` n tokens are returned, and the last block computes no others; None = all.
        """
        if mask is not None:
            x = torch.where(mask[:, :, None], x, 0.0)
        if self.positions == "input":
            x = x + pos
        inner = pos if self.positions == "attention" else None
        for depth, block in enumerate(self.blocks, start=1):
            x = block(x, mask=mask, pos=inner, first=first if depth == len(self.blocks) else None)
        out: Tensor = self.norm(x)
        return out

    def extra_repr(self) -> str:
        """Shown by print(model)."""
        return f"positions={self.positions}"

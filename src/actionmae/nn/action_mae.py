"""ActionMAE (§3, App. B, Fig. 5): rebuild the tokens of missing modalities from the visible ones.

A plug-in over anybody's tokens::

    mae = ActionMAE(num_modalities=3, embed_dim=512)
    out = mae(tokens, visible)      # tokens [B, 3, 512], visible [B, 3] bool
    logits = head(out.tokens)       # originals where visible, reconstructions elsewhere

Legend: B batch, M modality (the paper's N), C embed_dim, Q memory tokens.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.choices import Positions
from actionmae.core.tensors import check_visible
from actionmae.nn.attention import Transformer, sincos_positions
from actionmae.nn.config import TransformerConfig, check_memory


class ActionMAEOutput(NamedTuple):
    """What `ActionMAE` returns.

    Attributes:
        tokens: [B, M, C] the original token where visible, its reconstruction elsewhere.
        reconstructed: [B, M, C] the decoder's output ẑ at every slot; Eq. 5 reads those of the dropped slots.
    """

    tokens: Float[Tensor, "B M C"]
    reconstructed: Float[Tensor, "B M C"]


class ActionMAE(nn.Module):
    """Masked autoencoder over modality tokens with a memory token.

    The encoder reads [mem, visible tokens]; dummy tokens take the places of the others; the decoder turns them into
    reconstructions. A place is known by its position: mem has 0, modality m has m + 1 (App. B, Fig. 5). Which tokens
    are visible may differ from row to row, and its result is that of a sequence from which the others were removed.

    Args:
        num_modalities: M.
        embed_dim: C (paper: 512).
        depth: Layers of the encoder and again of the decoder (paper: 2 + 2).
        num_heads: Attention heads (paper: 8).
        num_memory_tokens: Q (paper: 1); 0 is Table 7a's "w/o mem".
        mlp_dim: Feed-forward width (paper: 2048).
        dropout: 0–1 (paper: none).
        positions: Where positions enter; "none" is Table 7c's "w/o pos".
        final_norm: LayerNorm after encoder and decoder.

    Raises:
        ValueError: If num_modalities < 1, num_memory_tokens < 0, or a size of the transformers is out of range.
    """

    pos: Tensor

    def __init__(
        self,
        num_modalities: int,
        embed_dim: int,
        *,
        depth: int = 2,
        num_heads: int = 8,
        num_memory_tokens: int = 1,
        mlp_dim: int = 2048,
        dropout: float = 0.0,
        positions: Positions = "input",
        final_norm: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(num_modalities, int) or num_modalities < 1:
            raise ValueError(f"num_modalities is {num_modalities!r}: give at least 1")
        check_memory(num_memory_tokens)
        config = TransformerConfig(
            dim=embed_dim,
            depth=depth,
            num_heads=num_heads,
            mlp_dim=mlp_dim,
            dropout=dropout,
            positions=positions,
            final_norm=final_norm,
        )
        self.num_modalities = num_modalities
        self.num_memory_tokens = num_memory_tokens
        self.embed_dim = embed_dim
        self.memory_token = nn.Parameter(torch.randn(1, num_memory_tokens, embed_dim) * 0.02)
        self.dummy_token = nn.Parameter(torch.randn(1, 1, embed_dim) * 0.02)
        slots = torch.tensor([0] * num_memory_tokens + list(range(1, num_modalities + 1)))
        self.register_buffer("pos", sincos_positions(num_modalities + 1, embed_dim)[slots], persistent=False)
        self.encoder, self.decoder = Transformer(config), Transformer(config)

    def forward(self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]) -> ActionMAEOutput:
        """Fill what is not visible.

        Args:
            tokens: Modality tokens z; what stands in slots that are not visible is never read, not even NaN.
            visible: At least one True in every row.

        Returns:
            Filled tokens and the raw reconstructions.

        Raises:
            TypeError: If one is no such tensor.
            ValueError: If shapes do not fit, or nothing is visible in some row. (Not checked while a graph is traced.)
        """
        if not torch.compiler.is_compiling():
            self._check(tokens, visible)
        batch = tokens.shape[0]
        memory = self.memory_token.expand(batch, -1, -1)
        mask = torch.cat([visible.new_ones(batch, self.num_memory_tokens), visible], dim=1)  # [B, Q + M]
        latent = self.encoder(torch.cat([memory, tokens], dim=1), pos=self.pos, mask=mask)
        latent = torch.where(mask[:, :, None], latent, self.dummy_token)  # dummies where tokens were removed
        reconstructed = self.decoder(latent, pos=self.pos)[:, self.num_memory_tokens :]  # [B, M, C]
        filled = torch.where(visible[:, :, None], tokens, reconstructed)
        return ActionMAEOutput(tokens=filled, reconstructed=reconstructed)

    def _check(self, tokens: object, visible: object) -> None:
        if not isinstance(tokens, Tensor) or not tokens.is_floating_point():
            raise TypeError(f"tokens are {_kind(tokens)}: give a tensor of floats")
        if not isinstance(visible, Tensor) or visible.dtype != torch.bool:
            raise TypeError(f"visible is {_kind(visible)}: give a tensor of bools, True = may be seen")
        wanted = (self.num_modalities, self.embed_dim)
        if tokens.dim() != 3 or tokens.shape[1:] != wanted or visible.shape != tokens.shape[:2]:
            raise ValueError(
                f"tokens have shape {tuple(tokens.shape)} and visible {tuple(visible.shape)}: give (B, {wanted[0]}, "
                f"{wanted[1]}) and (B, {wanted[0]})"
            )
        check_visible(visible)

    def extra_repr(self) -> str:
        """Shown by print(model)."""
        return f"num_modalities={self.num_modalities}, num_memory_tokens={self.num_memory_tokens}"


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__

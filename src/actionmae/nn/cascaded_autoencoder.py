"""Missing tokens from a cascade of residual autoencoders (Tran et al. 2017; Zhao, Li, Jin 2021).

Legend: B batch, M modality, C embed_dim.
"""

import itertools

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.config import ClassifierConfig
from actionmae.nn.registry import register_completion

_BLOCKS = 5
"""As in MMIN."""


class Cascade(nn.Module):
    """x + Σ_i Δ_i, where autoencoder i reads x + Δ_1 + … + Δ_{i−1}: each corrects what those before it left over.

    Args:
        num_modalities: M.
        dim: C; the autoencoders narrow M · C to C and C / 2.
    """

    def __init__(self, *, num_modalities: int, dim: int) -> None:
        super().__init__()
        widths = [num_modalities * dim, dim, dim // 2, dim, num_modalities * dim]
        self.blocks = nn.ModuleList(_autoencoder(widths) for _ in range(_BLOCKS))

    def forward(self, tokens: Float[Tensor, "B M C"]) -> Float[Tensor, "B M C"]:
        """All tokens, corrected."""
        x = tokens.flatten(1)
        for block in self.blocks:
            x = x + block(x)
        return x.view_as(tokens)


class CascadedAutoencoder(Cascade):
    """`Cascade` over the visible tokens, with zeros in the places of the others. See it for the arguments."""

    def forward(self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]) -> Float[Tensor, "B M C"]:  # type: ignore[override]  # a mask more
        """An estimate of every slot's token."""
        return super().forward(torch.where(visible[:, :, None], tokens, 0.0))


def _autoencoder(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*layers[:-1])


@register_completion("cascaded_autoencoder")
def _cascaded_autoencoder(num_modalities: int, config: ClassifierConfig) -> nn.Module:
    return CascadedAutoencoder(num_modalities=num_modalities, dim=config.embed_dim)

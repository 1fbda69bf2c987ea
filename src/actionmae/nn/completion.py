"""What fills missing tokens in place of ActionMAE, by name (`model.completion`).

Legend: B batch, M modality, C embed_dim.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.config import ClassifierConfig
from actionmae.nn.registry import find_completion, register_completion


class MissingTokens(nn.Module):
    """One learned token for each missing modality; nothing is reconstructed (MMT, Ramazanova et al. 2024).

    Args:
        num_modalities: M.
        dim: C.
    """

    def __init__(self, *, num_modalities: int, dim: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(num_modalities, dim) * 0.02)

    def forward(self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]) -> Float[Tensor, "B M C"]:
        """The learned tokens, the same for every row; `tokens` and `visible` are not read."""
        return self.tokens.expand(tokens.shape[0], -1, -1)


@register_completion("missing_tokens")
def _missing_tokens(num_modalities: int, config: ClassifierConfig) -> nn.Module:
    return MissingTokens(num_modalities=num_modalities, dim=config.embed_dim)


def build_completion(num_modalities: int, config: ClassifierConfig) -> nn.Module | None:
    """What `config.completion` names; None where it is empty.

    Raises:
        ValueError: If the name is unknown.
    """
    return find_completion(config.completion)(num_modalities, config) if config.completion else None

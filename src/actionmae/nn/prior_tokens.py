"""Missing tokens as weighted sums of typical ones, and noise on all tokens whose size is learnt (Ma et al. 2021, SMIL).

Legend: B batch, M modality, P prior, C embed_dim.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.config import ClassifierConfig
from actionmae.nn.registry import register_completion

_PRIORS = 16
_SLOWEST = 0.02
"""Smallest step of a centre towards its tokens: encoders go on learning, and old tokens must be forgotten."""
_ONE = math.log(math.e - 1)
"""softplus(_ONE) = 1."""
_SPREAD = 0.1
"""Standard deviation of the regularisation's prior."""


class PriorTokens(nn.Module):
    """Slot m's missing token is Σ_p w_p c_p over the K-means centres c of that modality's training tokens.

    The weights w, a softmax, come from the visible tokens. Then every token is multiplied by softplus(r),
    r ~ N(μ, σ²), with μ and σ from the token itself; in eval mode r is μ. Fusion must see its output in every place
    (`fusion_input` reconstructed).

    Args:
        num_modalities: M.
        dim: C.
    """

    centres: Tensor
    counts: Tensor

    def __init__(self, *, num_modalities: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(num_modalities, _PRIORS, dim))
        self.register_buffer("counts", torch.zeros(num_modalities, _PRIORS))
        self.weigh = nn.Sequential(
            nn.Linear(num_modalities * dim, dim), nn.GELU(), nn.Linear(dim, num_modalities * _PRIORS)
        )
        self.noise = nn.Linear(dim, 2 * dim)
        nn.init.zeros_(self.noise.weight)
        with torch.no_grad():
            self.noise.bias.copy_(torch.tensor([_ONE, math.log(_SPREAD)]).repeat_interleave(dim))

    def forward(self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]) -> Float[Tensor, "B M C"]:
        """Every slot's token: its own where visible, else imagined; regularised."""
        filled = torch.where(visible[:, :, None], tokens, self.imagine(tokens, visible))
        mean, spread = self.moments(filled)
        noise = torch.randn_like(mean) * spread if self.training else 0.0
        return filled * F.softplus(mean + noise)

    def imagine(self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]) -> Float[Tensor, "B M C"]:
        """The weighted priors of every slot."""
        kept = torch.where(visible[:, :, None], tokens, 0.0).flatten(1)
        scores = self.weigh(kept).unflatten(1, self.counts.shape)
        known = (self.counts > 0) | ~(self.counts > 0).any(dim=1, keepdim=True)
        weights = torch.where(known, scores, torch.finfo(scores.dtype).min).softmax(dim=2)  # [B, M, P]
        return torch.einsum("bmp,mpc->bmc", weights, self.centres)

    def moments(self, tokens: Float[Tensor, "B M C"]) -> tuple[Float[Tensor, "B M C"], Float[Tensor, "B M C"]]:
        """μ and σ of r."""
        mean, log_spread = self.noise(tokens).chunk(2, dim=2)
        return mean, log_spread.exp()

    def divergence(self, tokens: Float[Tensor, "B M C"]) -> Float[Tensor, "B M"]:
        """KL(N(μ, σ²) ‖ its prior, whose softplus is about 1), mean over C; ≥ 0."""
        mean, spread = self.moments(tokens)
        ratio = (spread / _SPREAD).square()
        return 0.5 * (ratio + ((mean - _ONE) / _SPREAD).square() - 1 - ratio.log()).mean(dim=2)

    @torch.no_grad()
    def learn(self, tokens: Float[Tensor, "B M C"], available: Bool[Tensor, "B M"]) -> None:
        """One step of sequential K-means (MacQueen 1967) with the tokens of a batch; the first P become the centres."""
        for slot in range(tokens.shape[1]):
            rows = tokens[available[:, slot], slot].float()
            centres, counts = self.centres[slot], self.counts[slot]
            empty = (counts == 0).nonzero().flatten()[: len(rows)]
            centres[empty], counts[empty] = rows[: len(empty)], 1.0
            rows = rows[len(empty) :]
            if len(rows) == 0:
                continue
            nearest = F.one_hot(torch.cdist(rows, centres).argmin(dim=1), _PRIORS).to(rows.dtype)  # [R, P]
            won = nearest.sum(dim=0)
            counts += won
            step = torch.where(won > 0, (won / counts).clamp(min=_SLOWEST), 0.0)
            mean = nearest.T @ rows / won.clamp(min=1)[:, None]
            centres += step[:, None] * (mean - centres)


@register_completion("prior_tokens")
def _prior_tokens(num_modalities: int, config: ClassifierConfig) -> nn.Module:
    return PriorTokens(num_modalities=num_modalities, dim=config.embed_dim)

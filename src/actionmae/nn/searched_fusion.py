"""A fusion transformer that finds out at which of its layers the modalities should meet.

Legend: B batch, M modality, C embed_dim.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.attention import Transformer, sincos_positions
from actionmae.nn.config import ClassifierConfig, TransformerConfig
from actionmae.nn.registry import register_fusion

_SHARPNESS = 10.0
"""Lets a strategy win within some hundred steps of the learning rate of the other weights."""


class SearchedFusion(nn.Module):
    """Strategy l: each modality alone, with a class token of its own, through l layers; all together through the rest.

    Where they meet, the class tokens of the modalities that are there become their mean. Strategy 0 is the paper's
    transformer fusion (§2.3), the last one joins only class tokens. All strategies share all weights.

    Args:
        num_modalities: M; cls has position 0, modality m has m + 1.
        num_classes: Width of the logits.
        config: Of the transformer.
    """

    pos: Tensor
    decided: Tensor

    def __init__(self, *, num_modalities: int, num_classes: int, config: TransformerConfig) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, config.dim) * 0.02)
        self.register_buffer("pos", sincos_positions(num_modalities + 1, config.dim), persistent=False)
        self.layers = Transformer(config)
        self.head = nn.Linear(config.dim, num_classes)
        self.strategy = nn.Parameter(torch.zeros(config.depth + 1))
        self.register_buffer("decided", torch.tensor(False))
        """Whether the best strategy alone is used, or a mixture of all."""

    def forward(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""
        tokens = torch.where(filled[:, :, None], tokens, 0.0)
        weights = self.weights()
        everything = torch.compiler.is_compiling()
        logits, streams, done = [], self._pairs(tokens), 0
        for level, weight in enumerate(weights):
            if everything or bool(weight > 0):
                streams, done = self._alone(streams, slice(done, level)), level
                logits.append(weight * self.head(self._joined(level, streams, filled)))
        return torch.stack(logits).sum(dim=0)

    def weights(self) -> Float[Tensor, " strategies"]:
        """Of each strategy; they add up to 1."""
        mixture = (_SHARPNESS * self.strategy).softmax(dim=0)
        best = F.one_hot(self.strategy.argmax(), len(self.strategy)).to(mixture.dtype)
        return torch.where(self.decided, best, mixture)

    def meet_at(self, level: int, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B C"]:
        """The class token of one strategy."""
        return self._joined(level, self._alone(self._pairs(tokens), slice(level)), filled)

    def _pairs(self, tokens: Float[Tensor, "B M C"]) -> Float[Tensor, "B M 2 C"]:
        """Each modality's token behind a class token of its own."""
        cls = self.cls_token.expand(*tokens.shape[:2], -1)
        pairs = torch.stack([cls, tokens], dim=2)
        return pairs + self._pair_positions() if self.layers.positions == "input" else pairs

    def _pair_positions(self) -> Float[Tensor, "M 2 C"]:
        return torch.stack([self.pos[[0, slot + 1]] for slot in range(len(self.pos) - 1)])

    def _alone(self, streams: Float[Tensor, "B M 2 C"], which: slice) -> Float[Tensor, "B M 2 C"]:
        """Each modality through some of the layers: the same for all strategies that reach them."""
        through = zip(streams.unbind(dim=1), self._pair_positions(), strict=True)
        return torch.stack([self._run(pair, pos, which) for pair, pos in through], dim=1)

    def _joined(
        self, level: int, streams: Float[Tensor, "B M 2 C"], filled: Bool[Tensor, "B M"]
    ) -> Float[Tensor, "B C"]:
        """The class token after all modalities went through the layers from `level` on together."""
        share = filled / filled.sum(dim=1, keepdim=True)
        joined = torch.cat([(share[:, :, None] * streams[:, :, 0]).sum(dim=1, keepdim=True), streams[:, :, 1]], dim=1)
        mask = torch.cat([filled.new_ones(filled.shape[0], 1), filled], dim=1)
        out = self._run(joined, self.pos, slice(level, None), mask)
        normed: Tensor = self.layers.norm(out[:, 0])
        return normed

    def _run(self, x: Tensor, pos: Tensor, which: slice, mask: Tensor | None = None) -> Tensor:
        inner = pos if self.layers.positions == "attention" else None
        for block in self.layers.blocks[which]:
            x = block(x, mask=mask, pos=inner)
        return x


@register_fusion("searched")
def _searched(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    layers = config.transformer(config.fusion_depth)
    return SearchedFusion(num_modalities=num_modalities, num_classes=num_classes, config=layers)

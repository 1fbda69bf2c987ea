"""The searched fusion computes what is the same for all strategies once."""

import pytest
import torch

from actionmae.nn.attention import Block
from actionmae.nn.config import TransformerConfig
from actionmae.nn.searched_fusion import SearchedFusion

DEPTH, SIZE = 3, 4


def fusion(positions: str) -> SearchedFusion:
    config = TransformerConfig(dim=16, depth=DEPTH, num_heads=2, mlp_dim=24, positions=positions)
    made = SearchedFusion(num_modalities=SIZE, num_classes=5, config=config).eval()
    with torch.no_grad():
        made.strategy.copy_(torch.tensor([0.1, 0.0, 0.2, 0.1]))
    return made


@pytest.mark.parametrize("positions", ["input", "attention", "none"])
@torch.no_grad()
def test_each_modality_goes_through_each_layer_once(positions: str) -> None:
    made, tokens = fusion(positions), torch.randn(6, SIZE, 16)
    filled = torch.rand(6, SIZE) > 0.4
    filled[:, 0] = True
    each = [made.head(made.meet_at(level, tokens, filled)) for level in range(DEPTH + 1)]
    wanted = sum(weight * logits for weight, logits in zip(made.weights(), each, strict=True))
    calls = []
    for block in made.modules():
        if isinstance(block, Block):
            block.register_forward_hook(lambda *_: calls.append(1))
    torch.testing.assert_close(made(tokens, filled), wanted, atol=1e-6, rtol=1e-6)
    together = sum(DEPTH - level for level in range(DEPTH + 1))
    assert len(calls) == SIZE * DEPTH + together, "anew for every strategy it would be 4 · (1 + 2 + 3) + 6"
    made.decided.fill_(True)
    calls.clear()
    torch.testing.assert_close(made(tokens, filled), each[2], atol=1e-6, rtol=1e-6)
    assert len(calls) == SIZE * 2 + 1


@torch.no_grad()
def test_absent_tokens_are_never_read() -> None:
    made, tokens = fusion("input"), torch.randn(2, SIZE, 16)
    filled = torch.tensor([[True, False, True, False], [False, True, True, True]])
    broken = torch.where(filled[:, :, None], tokens, torch.nan)
    assert torch.equal(made(broken, filled), made(tokens, filled))

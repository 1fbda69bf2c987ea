import inspect
import re
from typing import Any

import numpy as np
import pytest
import torch

from actionmae.nn.action_mae import ActionMAE
from actionmae.nn.attention import SelfAttention, Transformer, sincos_positions
from actionmae.nn.config import TransformerConfig
from actionmae.nn.time_transformer import TimeTransformer
from helpers.bypass import with_fields

SEEN = torch.ones(2, 3, dtype=torch.bool)


def test_an_odd_width_has_no_positions() -> None:
    with pytest.raises(ValueError, match="embed_dim is 7: sine-cosine positions need an even width"):
        sincos_positions(3, 7)


def test_positions_differ_and_are_bounded() -> None:
    positions = sincos_positions(50, 16)
    assert positions.dtype == torch.float32
    assert positions.abs().max() <= 1
    assert torch.cdist(positions, positions).fill_diagonal_(1).min() > 0.1


def test_heads_divide_the_width() -> None:
    with pytest.raises(ValueError, match="embed_dim 16 is not divisible by num_heads 3: choose a divisor of 16"):
        SelfAttention(dim=16, num_heads=3)


def test_no_modality_is_refused() -> None:
    with pytest.raises(ValueError, match="num_modalities is 0: give at least 1"):
        ActionMAE(0, 16)


@pytest.mark.parametrize("number", [-1, 10**12])
def test_a_memory_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=rf"num_memory_tokens is {number}: give 0 \(no memory\) or more, at most 1000"):
        ActionMAE(2, 16, num_memory_tokens=number)


@pytest.mark.parametrize("width", [-16, 0, 10**9])
def test_a_width_is_checked_before_memory_is_taken(width: int) -> None:
    with pytest.raises(ValueError, match=f"embed_dim (is )?{width}"):
        ActionMAE(2, width, num_heads=2)


@pytest.mark.parametrize(
    ("tokens", "visible", "kind", "sentence"),
    [
        (np.zeros((2, 3, 16)), SEEN, TypeError, "tokens are ndarray: give a tensor of floats"),
        (torch.zeros(2, 3, 16).int(), SEEN, TypeError, "tokens are torch.int32: give a tensor of floats"),
        (torch.zeros(2, 3, 16), SEEN.float(), TypeError, "visible is torch.float32: give a tensor of bools"),
        (torch.zeros(2, 3, 16), None, TypeError, "visible is NoneType: give a tensor of bools"),
        (torch.zeros(2, 4, 16), SEEN, ValueError, "tokens have shape (2, 4, 16) and visible (2, 3): give (B, 3, 16)"),
        (torch.zeros(2, 3, 8), SEEN, ValueError, "tokens have shape (2, 3, 8)"),
        (torch.zeros(3, 16), SEEN, ValueError, "tokens have shape (3, 16)"),
        (torch.zeros(2, 3, 16), SEEN[:1], ValueError, "and visible (1, 3): give (B, 3, 16) and (B, 3)"),
    ],
)
def test_what_does_not_fit_the_plug_in_is_one_sentence(
    tokens: Any, visible: Any, kind: type[Exception], sentence: str
) -> None:
    mae = ActionMAE(3, 16, num_heads=2, mlp_dim=8)
    with pytest.raises(kind, match=re.escape(sentence)):
        inspect.unwrap(ActionMAE.forward)(mae, tokens, visible)  # past the tests' own check of shapes


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dim": 0}, "embed_dim is 0: give a whole number above 0"),
        ({"dim": 15}, "embed_dim is 15: sine-cosine positions need an even width"),
        ({"depth": 0}, "depth is 0: give a whole number above 0"),
        ({"depth": -1}, "depth is -1: give a whole number above 0"),
        ({"depth": True}, "depth is True: give a whole number above 0"),
        ({"num_heads": -4}, "num_heads is -4: give a whole number above 0"),
        ({"num_heads": 3}, "embed_dim 16 is not divisible by num_heads 3: choose a divisor of 16"),
        ({"mlp_dim": 2.5}, "mlp_dim is 2.5: give a whole number above 0"),
        ({"dropout": float("nan")}, "dropout is nan: give a probability in [0, 1)"),
        ({"dropout": "x"}, "dropout is x: give a probability in [0, 1)"),
        ({"final_norm": "x"}, "final_norm is 'x': give true or false"),
        (
            {"dim": 10**9, "num_heads": 1},
            "embed_dim 1000000000, mlp_dim 2048 and depth 2 make 8,000,008,192,000,000,000 weights: choose",
        ),
        ({"mlp_dim": 10**12}, "a transformer has at most 268,435,456"),
        ({"depth": 10**9}, "a transformer has at most 268,435,456"),
        ({"positions": "x"}, "positions is 'x': choose input, attention or none"),
    ],
)
def test_sizes_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        with_fields(TransformerConfig(dim=16), **options).__post_init__()


def test_nothing_visible_is_refused() -> None:
    with pytest.raises(ValueError, match="row 1 of the batch has no visible modality"):
        ActionMAE(2, 16, num_heads=2)(torch.zeros(2, 2, 16), torch.tensor([[True, False], [False, False]]))


def test_more_frames_than_positions_are_refused() -> None:
    module = TimeTransformer(num_frames=3, config=TransformerConfig(dim=16, depth=1, num_heads=2, mlp_dim=8))
    assert module(torch.zeros(1, 2, 16)).shape == (1, 16)
    with pytest.raises(ValueError, match="a clip has 4 frames, this model was built for at most 3"):
        module(torch.zeros(1, 4, 16))


def test_dropout_acts_in_training_only() -> None:
    module = Transformer(TransformerConfig(dim=16, depth=1, num_heads=2, mlp_dim=8, dropout=0.5))
    x, pos = torch.randn(2, 3, 16), sincos_positions(3, 16)
    assert not torch.equal(module(x, pos=pos), module(x, pos=pos))
    module.eval()
    assert torch.equal(module(x, pos=pos), module(x, pos=pos))


def test_printing_shows_what_matters() -> None:
    text = repr(ActionMAE(3, 16, num_memory_tokens=2, positions="none"))
    assert "num_modalities=3, num_memory_tokens=2" in text
    assert "positions=none" in text


def test_fixed_positions_are_not_saved() -> None:
    assert not [name for name in ActionMAE(3, 16).state_dict() if name.endswith("pos")]

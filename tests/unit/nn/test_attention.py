import re
from typing import Any

import pytest
import torch

from actionmae.nn.action_mae import ActionMAE
from actionmae.nn.attention import SelfAttention, Transformer, sincos_positions
from actionmae.nn.config import TransformerConfig
from actionmae.nn.time_transformer import TimeTransformer
from helpers.bypass import with_fields


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


def test_a_negative_memory_is_refused() -> None:
    with pytest.raises(ValueError, match=r"num_memory_tokens is -1: give 0 \(no memory\) or more"):
        ActionMAE(2, 16, num_memory_tokens=-1)


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

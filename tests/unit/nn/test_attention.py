import pytest
import torch

from actionmae.nn.action_mae import ActionMAE
from actionmae.nn.attention import SelfAttention, Transformer, sincos_positions
from actionmae.nn.time_transformer import TimeTransformer


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


def test_more_frames_than_positions_are_refused() -> None:
    module = TimeTransformer(dim=16, num_frames=3, depth=1, num_heads=2, mlp_dim=8)
    assert module(torch.zeros(1, 2, 16)).shape == (1, 16)
    with pytest.raises(ValueError, match="a clip has 4 frames, this model was built for at most 3"):
        module(torch.zeros(1, 4, 16))


def test_dropout_acts_in_training_only() -> None:
    module = Transformer(dim=16, depth=1, num_heads=2, mlp_dim=8, dropout=0.5)
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

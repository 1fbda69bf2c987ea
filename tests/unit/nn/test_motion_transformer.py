"""The time encoder that is told what moves, against loops over clips and frames."""

import math

import pytest
import torch
from torch import Tensor

from actionmae.nn.config import TransformerConfig
from actionmae.nn.modality_encoder import ModalityEncoder
from actionmae.nn.motion_transformer import MotionTransformer, changes, part, share
from helpers.builders import tiny_batch
from helpers.tiny_models import tiny_classifier, vectors

LAYERS = TransformerConfig(dim=8, depth=1, num_heads=2, mlp_dim=16)
THERE = torch.tensor([[True, True, True, True], [True, False, True, True], [False, True, True, False]])


def module() -> MotionTransformer:
    torch.manual_seed(0)
    return MotionTransformer(num_frames=4, config=LAYERS)


def frames() -> Tensor:
    return torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(1)) * 3 + 5


def test_it_is_the_time_transformer_of_standardised_frames_and_their_changes() -> None:
    motion, x = module().eval(), frames()
    motion.standardise.running_mean.uniform_(4, 6)
    motion.standardise.running_var.uniform_(4, 16)
    told = torch.zeros_like(x)
    mean, spread = motion.standardise.running_mean, (motion.standardise.running_var + 1e-5).sqrt()
    for row in range(3):
        for at in range(4):
            now = (x[row, at] - mean) / spread
            told[row, at] = now
            if at > 0 and THERE[row, at] and THERE[row, at - 1]:
                told[row, at] += motion.change.weight @ (now - (x[row, at - 1] - mean) / spread)
    expected = motion.transformer(told, frame_available=THERE)
    torch.testing.assert_close(motion(x, frame_available=THERE), expected)


def test_in_training_the_statistics_are_those_of_the_frames_that_exist() -> None:
    motion, x = module(), frames()
    motion(x, frame_available=THERE)
    torch.testing.assert_close(motion.standardise.running_mean, 0.1 * x[THERE].mean(dim=0))


def test_frames_that_do_not_exist_are_never_read() -> None:
    motion, x = module().eval(), frames()
    spoilt = x.masked_fill(~THERE[:, :, None], math.nan)
    torch.testing.assert_close(motion(spoilt, frame_available=THERE), motion(x, frame_available=THERE))


def test_a_change_needs_both_frames() -> None:
    x = torch.tensor([1.0, 4.0, 9.0, 16.0]).reshape(1, 4, 1)
    assert changes(x, None).flatten().tolist() == [0, 3, 5, 7]
    assert changes(x, torch.tensor([[True, False, True, True]])).flatten().tolist() == [0, 0, 0, 7]


def test_a_classifier_is_built_with_it_and_keeps_it() -> None:
    model = tiny_classifier(vectors(), time_encoder="motion").eval()
    assert all(
        isinstance(each, ModalityEncoder) and isinstance(each.time, MotionTransformer) for each in model.encoders
    )
    again = type(model).from_config(model.to_config(), modalities=model.modalities, classes=model.classes).eval()
    again.load_state_dict(model.state_dict())
    batch = tiny_batch(vectors(), 4)
    torch.testing.assert_close(again(batch).logits, model(batch).logits)


def encoders() -> list[MotionTransformer]:
    return [MotionTransformer(num_frames=frames, config=LAYERS) for frames in (4, 3)]


def test_shared_they_are_one_network_with_a_standardisation_and_positions_of_each() -> None:
    first, second = encoders()
    share([first, second])
    one, other = dict(first.named_parameters()), dict(second.named_parameters())
    assert {name for name in one if one[name] is not other[name]} == {"standardise.weight", "standardise.bias"}
    assert len(second.transformer.pos) == 1 + 3
    x = torch.randn(2, 3, 8)
    first.eval(), second.eval()
    torch.testing.assert_close(second(x), first(x))


def test_parted_they_begin_alike_and_learn_alone() -> None:
    first, second = encoders()
    share([first, second])
    part([first, second])
    assert all(a is not b for a, b in zip(first.parameters(), second.parameters(), strict=True))
    first.eval(), second.eval()
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(second(x), first(x))
    first(x).sum().backward()
    assert all(each.grad is None for each in second.parameters())


def test_more_frames_than_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="a clip has 5 frames, this model was built for at most 4"):
        module()(torch.zeros(1, 5, 8))

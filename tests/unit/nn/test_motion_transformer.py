"""The time encoder that is told what moves, against loops over clips and frames."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.nn.checkpoint import load_model, save_model
from actionmae.nn.config import ClassifierConfig, TransformerConfig
from actionmae.nn.modality_encoder import ModalityEncoder
from actionmae.nn.motion_transformer import MotionTransformer, changes
from actionmae.nn.paired_streams import PairedStreams
from helpers.builders import tiny_batch
from helpers.tiny_models import WIDTH, tiny_classifier, vectors

THERE = torch.tensor([[True, True, True, True], [True, False, True, True], [False, True, True, False]])


def module() -> MotionTransformer:
    torch.manual_seed(0)
    return MotionTransformer(num_frames=4, config=TransformerConfig(dim=8, depth=1, num_heads=2, mlp_dim=16))


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


def test_a_shared_one_has_one_network_and_a_standardisation_for_each_modality(tmp_path: Path) -> None:
    model = tiny_classifier(vectors(), time_encoder="shared_motion")
    first, second, third = (each.time for each in model.encoders)
    assert first.transformer is second.transformer is third.transformer
    assert first.change is second.change is third.change
    assert len({id(each.standardise) for each in (first, second, third)}) == 3
    assert len(first.transformer.pos) == 1 + 4  # the longest of the clips
    save_model(model, tmp_path / "model")
    kept = load_file(tmp_path / "model" / "model.safetensors")
    assert [name for name in kept if name.endswith("change.weight")] == ["encoders.0.time.change.weight"]
    batch, again = tiny_batch(vectors(), 4), load_model(tmp_path / "model")
    assert again.encoders[2].time.transformer is again.encoders[0].time.transformer
    torch.testing.assert_close(again(batch).logits, model(batch).logits)


def test_streams_of_a_pair_have_one_each() -> None:
    config = ClassifierConfig(**WIDTH, time_encoder="shared_motion")
    pair = ModalitySet([vectors()[0], vectors()[1]])
    model = PairedStreams(modalities=pair, classes=("a", "b"), kept=0, connected=False, config=config)
    assert model.config.time_encoder == "motion"
    assert model.kept_stream.encoder.time.transformer is not model.lost_stream.encoder.time.transformer


def test_more_frames_than_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="a clip has 5 frames, this model was built for at most 4"):
        module()(torch.zeros(1, 5, 8))

import dataclasses

import numpy as np
import pytest
import torch

from actionmae.inference.frame_loss import FrameLossCurve, _keep, _lose, score_frame_loss
from helpers.builders import tiny_batch, tiny_modalities
from helpers.fake_classifier import FakeClassifier

RDI = tiny_modalities("rgb", "depth", "ir")


@pytest.fixture
def model() -> FakeClassifier:
    return FakeClassifier(RDI)


def test_no_loss_equals_the_plain_forward(model: FakeClassifier) -> None:
    batch = tiny_batch(RDI, 12, lost_frames=True)
    curve = score_frame_loss(model, [batch], fractions=(0.0, 0.5))
    model.eval()
    plain = (model(batch, batch.available).argmax(dim=1) == batch.labels).sum()
    assert curve.correct[0] == int(plain)
    assert (curve.n, curve.lost, curve.kind) == (12, ("rgb", "depth", "ir"), "frames")


@pytest.mark.parametrize("spans", [False, True])
def test_lost_frames_are_the_asked_share_nested_and_never_all(spans: bool) -> None:
    batch = tiny_batch(RDI, 6, lost_frames=True)
    before = batch.frame_available["rgb"]
    masks = [_lose(batch, ["rgb"], share, 0, spans=spans).frame_available["rgb"] for share in (0.0, 0.5, 0.9, 1.0)]
    assert torch.equal(masks[0], before)
    for more, less in zip(masks[1:], masks[:-1], strict=True):
        assert not (more & ~less).any()
    assert (masks[-1].sum(dim=1) == before.sum(dim=1).clamp(max=1)).all()
    half = torch.floor(before.sum(dim=1) * 0.5 + 0.5).clamp(max=before.sum(dim=1) - 1)
    assert torch.equal((before & ~masks[1]).sum(dim=1).float(), half)


def test_spans_end_the_clip_and_frames_do_not() -> None:
    have = np.ones(16, dtype=bool)
    assert _keep(have, 0.5, None).tolist() == [True] * 8 + [False] * 8
    scattered = _keep(have, 0.5, (0, 1, 2))
    assert scattered.sum() == 8
    assert scattered[8:].any()


def test_a_modality_without_frames_stays_without() -> None:
    assert not _keep(np.zeros(4, dtype=bool), 0.5, None).any()


def test_the_loss_depends_on_the_sample_and_not_on_the_batch() -> None:
    batch = tiny_batch(RDI, 6)
    alone = dataclasses.replace(batch.map(lambda tensor: tensor[4:5]), sample_ids=batch.sample_ids[4:5])
    first, second = (_lose(one, ["rgb", "ir"], 0.5, 3, spans=False).frame_available for one in (batch, alone))
    assert torch.equal(first["rgb"][4:5], second["rgb"])
    assert not torch.equal(first["rgb"], first["ir"])
    assert not torch.equal(first["rgb"], _lose(batch, ["rgb"], 0.5, 4, spans=False).frame_available["rgb"])


def test_only_named_modalities_lose_frames_and_repeated_clips_count_once(model: FakeClassifier) -> None:
    batch = tiny_batch(RDI, 5)
    assert set(_lose(batch, ["depth"], 0.5, 0, spans=False).frame_available) == {"depth"}
    curve = score_frame_loss(model, [batch, batch], modalities=["ir", "depth"], spans=True)
    assert (curve.n, curve.lost, curve.kind) == (5, ("depth", "ir"), "spans")
    assert curve.fractions == (0.0, 0.25, 0.5, 0.75, 0.9)


def test_clips_from_which_the_model_does_not_predict_are_left_out(model: FakeClassifier) -> None:
    batch = tiny_batch(RDI, 12)
    model.supported_subsets = ((0, 1, 2),)
    complete = batch.available.all(dim=1)
    assert 0 < int(complete.sum()) < 12
    curve = score_frame_loss(model, [batch])
    model.eval()
    right = model(batch, batch.available).argmax(dim=1) == batch.labels
    assert (curve.n, curve.correct[0]) == (int(complete.sum()), int((right & complete).sum()))
    model.supported_subsets = ((1,),)
    with pytest.raises(ValueError, match="no test clip from which the model predicts as it is recorded"):
        score_frame_loss(model, [dataclasses.replace(batch, available=torch.ones_like(batch.available))])


def test_rates_intervals_and_round_trip() -> None:
    curve = FrameLossCurve(kind="frames", lost=("rgb",), fractions=(0.0, 0.5), n=20, correct=(20, 10))
    assert curve.top1 == (100.0, 50.0)
    assert curve.intervals[1] == pytest.approx((29.93, 70.07), abs=0.01)
    fields = curve.to_dict()
    assert FrameLossCurve.from_dict({**fields, "fractions": list(fields["fractions"])}) == curve


def test_bad_input_is_refused_in_one_sentence(model: FakeClassifier) -> None:
    for fractions in ((), (-0.1,), (0.5, 1.2)):
        with pytest.raises(ValueError, match="fractions of lost frames are"):
            score_frame_loss(model, [tiny_batch(RDI)], fractions=fractions)
    with pytest.raises(ValueError, match="unknown modality 'thermal'"):
        score_frame_loss(model, [tiny_batch(RDI)], modalities=["thermal"])
    with pytest.raises(ValueError, match="no modality was named to lose frames"):
        score_frame_loss(model, [tiny_batch(RDI)], modalities=[])
    with pytest.raises(ValueError, match="there is no clip to score"):
        score_frame_loss(model, [])

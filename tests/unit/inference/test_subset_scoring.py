"""Scores of every subset: each is what its own forward says, encoded once."""

import dataclasses

import numpy as np
import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.core.tensors import ClipBatch
from actionmae.evaluation import RobustnessTable, SubsetScores
from actionmae.evaluation.subset_plan import plan_subsets
from actionmae.inference import evaluate_subsets, score_subsets, subset_scoring
from helpers.builders import tiny_batch, tiny_modalities
from helpers.fake_classifier import RDI, FakeClassifier, mixed_batches


@pytest.fixture
def model() -> FakeClassifier:
    return FakeClassifier(RDI)


@pytest.fixture
def scores(model: FakeClassifier) -> SubsetScores:
    return score_subsets(model, mixed_batches(), classes=model.classes)


def test_each_subset_equals_its_own_forward(model: FakeClassifier, scores: SubsetScores) -> None:
    model.eval()
    assert scores.subsets == tuple(all_subsets(3))
    for batch in mixed_batches():
        for row, sample in enumerate(batch.sample_ids):
            single = dataclasses.replace(batch.map(lambda tensor, row=row: tensor[row : row + 1]), sample_ids=[sample])
            at = scores.sample_ids.index(sample)
            for subset in scores.subsets:
                visible = torch.zeros(1, 3, dtype=torch.bool)
                visible[0, list(subset)] = True
                if bool(batch.available[row, list(subset)].all()):
                    expected = model(single, visible).detach().numpy()[0]
                    np.testing.assert_allclose(scores.logits[subset][at], expected, atol=1e-5)
                else:
                    assert np.isnan(scores.logits[subset][at]).all()


def test_as_recorded_uses_what_each_clip_has(model: FakeClassifier, scores: SubsetScores) -> None:
    model.eval()
    for batch in mixed_batches():
        expected = model(batch, batch.available).detach().numpy()
        at = [scores.sample_ids.index(sample) for sample in batch.sample_ids]
        np.testing.assert_allclose(scores.recorded()[at], expected, atol=1e-5)


def test_each_batch_is_encoded_once(model: FakeClassifier) -> None:
    seen: list[int] = []
    score_subsets(model, mixed_batches(3, 4), classes=model.classes, progress=seen.append)
    assert model.encodings == 3
    assert seen == [4, 4, 4]


def test_modes_of_the_model_come_back(model: FakeClassifier) -> None:
    model.train()
    model.head.eval()
    score_subsets(model, mixed_batches(1), classes=model.classes)
    assert model.training
    assert model.norm.training
    assert not model.head.training
    assert torch.equal(model.norm.running_mean, torch.zeros(5))


def test_only_wanted_subsets_are_scored(model: FakeClassifier) -> None:
    scores = score_subsets(model, mixed_batches(), classes=model.classes, subsets=[(2,), (1, 0)])
    assert scores.subsets == ((0, 1), (2,))
    assert not scores.has((0,)).any()
    recorded = ~np.isnan(scores.recorded()).any(axis=1)
    assert recorded.tolist() == [
        pattern in ([True, True, False], [False, False, True]) for pattern in scores.available.tolist()
    ]


def test_what_a_model_does_not_support_is_not_scored(model: FakeClassifier) -> None:
    model.supported_subsets = ((0, 1, 2), (0,), (1,))
    scores = score_subsets(model, mixed_batches(), classes=model.classes)
    assert scores.subsets == ((0, 1, 2), (0,), (1,))
    table = evaluate_subsets(model, mixed_batches())
    assert [row.subset for row in table.rows if row.top1 is None] == ["R+D", "R+I", "D+I", "I"]
    assert table.recorded.n == sum(tuple(np.flatnonzero(row)) in scores.subsets for row in scores.available)
    assert score_subsets(model, mixed_batches(), classes=model.classes, subsets=[(0,), (2,)]).subsets == ((0,),)
    with pytest.raises(ValueError, match="the model predicts from none of the given subsets"):
        score_subsets(model, mixed_batches(), classes=model.classes, subsets=[(2,)])


def test_many_modalities_are_sampled_and_as_recorded_still_is_what_each_clip_has() -> None:
    fields = {"kind": "features", "shape": [4], "value": "raw", "encoder": "features", "num_frames": 2}
    many = ModalitySet([{"name": f"s{at}", "letter": "ABCDEFGHI"[at], **fields} for at in range(9)])
    model = FakeClassifier(many).eval()
    rng = torch.Generator().manual_seed(0)
    available = torch.rand(40, 9, generator=rng) < 0.6
    available[:, 0] |= ~available.any(dim=1)
    batch = ClipBatch(
        clips={name: torch.randn(40, 2, 4, generator=rng) for name in many.names},
        available=available,
        labels=torch.randint(5, (40,), generator=rng),
        sample_ids=[f"{at:02d}" for at in range(40)],
    )
    scores = score_subsets(model, [batch], classes=model.classes)
    assert scores.sampled
    assert scores.subsets == plan_subsets(9).subsets
    np.testing.assert_allclose(scores.recorded(), model(batch, available).detach().numpy(), atol=1e-5)
    table = RobustnessTable.from_scores(scores)
    assert table.recorded.n == 40
    assert "estimated from" in table.summary()
    for subset in scores.subsets[:60]:
        has = scores.has(subset)
        visible = torch.zeros(40, 9, dtype=torch.bool)
        visible[:, list(subset)] = True
        expected = model(batch, visible).detach().numpy()
        np.testing.assert_allclose(scores.logits[subset][has], expected[has], atol=1e-5)
    whole = score_subsets(model, [batch], classes=model.classes, all_subsets_up_to=9)
    assert len(whole.subsets) == 511
    assert not whole.sampled


def test_rows_go_through_the_light_steps_in_bounded_parts(model: FakeClassifier, monkeypatch) -> None:
    expected = score_subsets(model, mixed_batches(), classes=model.classes)
    monkeypatch.setitem(subset_scoring._ROWS, "cpu", 3)
    sizes: list[int] = []
    classify = model.classify
    monkeypatch.setattr(
        model, "classify", lambda tokens, filled: (sizes.append(len(tokens)), classify(tokens, filled))[1]
    )
    found = score_subsets(model, mixed_batches(), classes=model.classes)
    assert max(sizes) == 3
    for subset in expected.subsets:
        np.testing.assert_allclose(found.logits[subset], expected.logits[subset], atol=1e-5)


def test_subjects_go_with_their_clips(model: FakeClassifier) -> None:
    scores = score_subsets(model, mixed_batches(), classes=model.classes, subjects={"b1-3": "ann", "b0-0": "bob"})
    by_id = dict(zip(scores.sample_ids, scores.subjects, strict=True))
    assert (by_id["b1-3"], by_id["b0-0"], by_id["b0-1"]) == ("ann", "bob", "")


def test_bad_input_is_refused_in_one_sentence(model: FakeClassifier, tmp_path) -> None:
    with pytest.raises(ValueError, match="there is no clip to score"):
        score_subsets(model, [], classes=model.classes)
    for label in (5, -1):
        batch = dataclasses.replace(mixed_batches()[0], labels=torch.full((7,), label))
        with pytest.raises(ValueError, match=rf"clip 'b0-0' has label {label}: scoring needs labels 0–4"):
            score_subsets(model, [batch], classes=model.classes)
    with pytest.raises(ValueError, match="gives 5 logits but 6 class names"):
        score_subsets(model, mixed_batches(), classes=[*model.classes, "more"])
    with pytest.raises(ValueError, match=r"subset \(0, 3\) does not fit 3 modalities"):
        score_subsets(model, mixed_batches(), classes=model.classes, subsets=[(0, 3)])
    with pytest.raises(ValueError, match="no subset was given"):
        score_subsets(model, mixed_batches(), classes=model.classes, subsets=[])
    torch.nn.init.constant_(model.project[1].weight, float("nan"))
    with pytest.raises(ValueError, match=r"logits of clip 'b0-0' from R\+D\+I are not finite"):
        score_subsets(model, mixed_batches(), classes=model.classes)


def test_evaluate_subsets_takes_the_models_classes() -> None:
    modalities = tiny_modalities("rgb", "depth")
    model = FakeClassifier(modalities, num_classes=5)
    batch = tiny_batch(modalities, 6)
    table = evaluate_subsets(model, [batch])
    assert table.num_clips == 6
    assert table == evaluate_subsets(model, [batch, batch], classes=model.classes)
    del model.classes
    with pytest.raises(ValueError, match="FakeClassifier has no class names"):
        evaluate_subsets(model, [batch])

import dataclasses
import json

import numpy as np
import pytest
import torch

from actionmae.core.subsets import all_subsets
from actionmae.evaluation import SubsetScores, merge, score_subsets
from helpers.builders import tiny_batch, tiny_modalities
from helpers.fake_classifier import FakeClassifier

RDI = tiny_modalities("rgb", "depth", "ir")


def batches(count: int = 2, size: int = 7):
    """Batches with mixed missingness and unique sample ids."""
    out = []
    for at in range(count):
        batch = tiny_batch(RDI, size, seed=at)
        out.append(dataclasses.replace(batch, sample_ids=[f"b{at}-{row}" for row in range(size)]))
    return out


@pytest.fixture
def model() -> FakeClassifier:
    return FakeClassifier(RDI)


@pytest.fixture
def scores(model: FakeClassifier) -> SubsetScores:
    return score_subsets(model, batches(), classes=model.classes)


def same(a: SubsetScores, b: SubsetScores) -> bool:
    return (
        (a.sample_ids, a.subjects, a.classes, a.modalities, a.subsets)
        == (b.sample_ids, b.subjects, b.classes, b.modalities, b.subsets)
        and np.array_equal(a.labels, b.labels)
        and np.array_equal(a.available, b.available)
        and all(np.array_equal(a.logits[subset], b.logits[subset], equal_nan=True) for subset in a.subsets)
    )


def test_each_subset_equals_its_own_forward(model: FakeClassifier, scores: SubsetScores) -> None:
    model.eval()
    assert scores.subsets == tuple(all_subsets(3))
    for batch in batches():
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
    for batch in batches():
        expected = model(batch, batch.available).detach().numpy()
        at = [scores.sample_ids.index(sample) for sample in batch.sample_ids]
        np.testing.assert_allclose(scores.recorded()[at], expected, atol=1e-5)


def test_each_batch_is_encoded_once(model: FakeClassifier) -> None:
    seen: list[int] = []
    score_subsets(model, batches(3, 4), classes=model.classes, progress=seen.append)
    assert model.encodings == 3
    assert seen == [4, 4, 4]


def test_modes_of_the_model_come_back(model: FakeClassifier) -> None:
    model.train()
    model.head.eval()
    score_subsets(model, batches(1), classes=model.classes)
    assert model.training
    assert model.norm.training
    assert not model.head.training
    assert torch.equal(model.norm.running_mean, torch.zeros(5))


def test_only_wanted_subsets_are_scored(model: FakeClassifier) -> None:
    scores = score_subsets(model, batches(), classes=model.classes, subsets=[(2,), (1, 0)])
    assert scores.subsets == ((0, 1), (2,))
    assert not scores.has((0,)).any()
    recorded = ~np.isnan(scores.recorded()).any(axis=1)
    assert recorded.tolist() == [
        pattern in ([True, True, False], [False, False, True]) for pattern in scores.available.tolist()
    ]


def test_subjects_go_with_their_clips(model: FakeClassifier) -> None:
    scores = score_subsets(model, batches(), classes=model.classes, subjects={"b1-3": "ann", "b0-0": "bob"})
    by_id = dict(zip(scores.sample_ids, scores.subjects, strict=True))
    assert (by_id["b1-3"], by_id["b0-0"], by_id["b0-1"]) == ("ann", "bob", "")


def test_save_and_load_are_bit_equal(scores: SubsetScores, tmp_path) -> None:
    path = tmp_path / "scores.npz"
    scores.save(path)
    assert same(SubsetScores.load(path), scores)
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.npz"]


def test_merge_of_padded_shards_equals_a_single_pass(model: FakeClassifier, scores: SubsetScores) -> None:
    first, second = batches()
    shards = [score_subsets(model, [batch], classes=model.classes) for batch in (second, first, second)]
    merged = merge(shards)
    assert list(merged.sample_ids) == sorted(first.sample_ids + second.sample_ids)
    assert same(merged, scores)


def test_a_repeated_id_with_other_results_is_refused(model: FakeClassifier, scores: SubsetScores) -> None:
    other = dataclasses.replace(scores, logits={key: value + 1 for key, value in scores.logits.items()})
    with pytest.raises(ValueError, match=r"clip 'b0-0' was scored twice with different results"):
        merge([scores, other])
    with pytest.raises(ValueError, match="scored twice"):
        merge([scores, dataclasses.replace(scores, labels=(scores.labels + 1) % 5)])


def test_shards_of_different_models_are_refused(scores: SubsetScores) -> None:
    with pytest.raises(ValueError, match="scores differ in their classes"):
        merge([scores, dataclasses.replace(scores, classes=("a", "b", "c", "d", "e"))])
    with pytest.raises(ValueError, match="scores differ in their subsets"):
        merge([scores, dataclasses.replace(scores, logits={(0,): scores.logits[(0,)]})])


def test_bad_input_is_refused_in_one_sentence(model: FakeClassifier, tmp_path) -> None:
    with pytest.raises(ValueError, match="there is no clip to score"):
        score_subsets(model, [], classes=model.classes)
    for label in (5, -1):
        batch = dataclasses.replace(batches()[0], labels=torch.full((7,), label))
        with pytest.raises(ValueError, match=rf"clip 'b0-0' has label {label}: scoring needs labels 0–4"):
            score_subsets(model, [batch], classes=model.classes)
    with pytest.raises(ValueError, match="gives 5 logits but 6 class names"):
        score_subsets(model, batches(), classes=[*model.classes, "more"])
    with pytest.raises(ValueError, match=r"subset \(0, 3\) does not fit 3 modalities"):
        score_subsets(model, batches(), classes=model.classes, subsets=[(0, 3)])
    with pytest.raises(ValueError, match="no subset was given"):
        score_subsets(model, batches(), classes=model.classes, subsets=[])
    torch.nn.init.constant_(model.project[1].weight, float("nan"))
    with pytest.raises(ValueError, match=r"logits of clip 'b0-0' from R\+D\+I are not finite"):
        score_subsets(model, batches(), classes=model.classes)


def test_bad_files_are_refused_in_one_sentence(scores: SubsetScores, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="no scores at"):
        SubsetScores.load(tmp_path / "none.npz")
    text = tmp_path / "text.npz"
    text.write_text("no archive")
    with pytest.raises(ValueError, match="is not a scores file"):
        SubsetScores.load(text)
    path = tmp_path / "scores.npz"
    scores.save(path)
    with np.load(path) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays["meta"]))
    np.savez(path, **{**arrays, "meta": np.array(json.dumps({**meta, "format": 99}))})
    with pytest.raises(ValueError, match=r"has scores format 99, this version reads up to 1"):
        SubsetScores.load(path)
    np.savez(path, labels=np.zeros(1))
    with pytest.raises(ValueError, match="is not a scores file"):
        SubsetScores.load(path)

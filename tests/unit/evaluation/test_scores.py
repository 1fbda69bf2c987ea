import contextlib
import dataclasses
import json
import zipfile

import numpy as np
import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.core.tensors import ClipBatch
from actionmae.evaluation import (
    RobustnessTable,
    SubsetScores,
    evaluate_subsets,
    merge,
    score_subsets,
    subset_scoring,
)
from actionmae.evaluation.subset_plan import plan_subsets
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


def test_what_a_model_does_not_support_is_not_scored(model: FakeClassifier) -> None:
    model.supported_subsets = ((0, 1, 2), (0,), (1,))
    scores = score_subsets(model, batches(), classes=model.classes)
    assert scores.subsets == ((0, 1, 2), (0,), (1,))
    table = evaluate_subsets(model, batches())
    assert [row.subset for row in table.rows if row.top1 is None] == ["R+D", "R+I", "D+I", "I"]
    assert table.recorded.n == sum(tuple(np.flatnonzero(row)) in scores.subsets for row in scores.available)
    assert score_subsets(model, batches(), classes=model.classes, subsets=[(0,), (2,)]).subsets == ((0,),)
    with pytest.raises(ValueError, match="the model predicts from none of the given subsets"):
        score_subsets(model, batches(), classes=model.classes, subsets=[(2,)])


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
    expected = score_subsets(model, batches(), classes=model.classes)
    monkeypatch.setitem(subset_scoring._ROWS, "cpu", 3)
    sizes: list[int] = []
    classify = model.classify
    monkeypatch.setattr(
        model, "classify", lambda tokens, filled: (sizes.append(len(tokens)), classify(tokens, filled))[1]
    )
    found = score_subsets(model, batches(), classes=model.classes)
    assert max(sizes) == 3
    for subset in expected.subsets:
        np.testing.assert_allclose(found.logits[subset], expected.logits[subset], atol=1e-5)


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


def test_sampled_scores_come_back(scores: SubsetScores, tmp_path) -> None:
    path = tmp_path / "scores.npz"
    sampled = dataclasses.replace(scores, sampled=True, own_logits=scores.recorded() + 1)
    sampled.save(path)
    read = SubsetScores.load(path)
    assert read.sampled
    np.testing.assert_array_equal(read.recorded(), sampled.recorded())
    merged = merge([read, read])
    np.testing.assert_array_equal(merged.recorded(), sampled.recorded())


def rewrite(path, meta=None, **arrays) -> None:
    """Save a file of scores again with something changed in it."""
    with np.load(path) as file:
        old = dict(file)
    text = json.dumps({**json.loads(str(old["meta"])), **(meta or {})})
    with path.open("wb") as file:
        np.savez(file, **{**old, "meta": np.array(text), **arrays})


def test_files_of_format_1_are_read(scores: SubsetScores, tmp_path) -> None:
    path = tmp_path / "scores.npz"
    scores.save(path)
    with np.load(path) as file:
        old = dict(file)
    meta = json.loads(str(old["meta"]))
    del meta["sampled"]
    old["meta"] = np.array(json.dumps({**meta, "format": 1}))
    np.savez(path, **old)
    assert same(SubsetScores.load(path), scores)


def test_bad_files_are_refused_in_one_sentence(scores: SubsetScores, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="no scores at"):
        SubsetScores.load(tmp_path / "none.npz")
    path = tmp_path / "scores.npz"
    path.write_text("no archive")
    with pytest.raises(ValueError, match="is not a scores file"):
        SubsetScores.load(path)
    np.savez(path, labels=np.zeros(1))
    with pytest.raises(ValueError, match="is not a scores file"):
        SubsetScores.load(path)
    n, logits = len(scores), np.stack(list(scores.logits.values()))
    changed = logits.copy()
    changed[0, 0, 0] = np.inf
    cases = [
        ({"format": 99}, {}, "has scores format 99, this version reads up to 2"),
        ({"format": 0}, {}, "its lists do not fit each other"),
        ({"format": "2"}, {}, "Expected `int`, got `str`"),
        ({"classes": ["one"]}, {}, "logits is float32"),
        ({"classes": 5}, {}, "Expected `array`"),
        ({"subjects": []}, {}, "its lists do not fit each other"),
        ({"sample_ids": ["same"] * n}, {}, "its lists do not fit each other"),
        ({"subsets": [[9]] * 7}, {}, "a subset comes twice"),
        ({"subsets": [[9], *map(list, scores.subsets[1:])]}, {}, r"\[9\] is no subset of 3 modalities"),
        ({"modalities": [{"name": "rgb"}]}, {}, r"available is bool"),
        ({"modalities": [{"name": 5}]}, {}, "is not a scores file"),
        ({}, {"labels": scores.labels + 9}, "a label lies outside 0–4"),
        ({}, {"labels": scores.labels.astype(float)}, "labels is float64"),
        ({}, {"available": ~scores.available}, "logits are missing, or there are some"),
        ({}, {"logits": changed}, "logits are missing, or there are some"),
        ({}, {"labels": np.array([object()] * n)}, "is not a scores file"),
    ]
    for meta, arrays, message in cases:
        scores.save(path)
        rewrite(path, meta, **arrays)
        with pytest.raises(ValueError, match=message):
            SubsetScores.load(path)


def test_sizes_are_checked_before_memory_is_taken(scores: SubsetScores, tmp_path) -> None:
    path = tmp_path / "scores.npz"
    scores.save(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    shape, huge = f"({len(scores.subsets)}, {len(scores)}, 5), }}".encode(), b"(7000, 9000000, 5), }"
    start, end = files["logits.npy"].split(shape)
    files["logits.npy"] = start + huge + end[len(huge) - len(shape) :]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"declares float32 \(7000, 9000000, 5\)"):
        SubsetScores.load(path)
    np.savez_compressed(path, logits=np.zeros((1000, 1000), dtype=np.float32))
    with pytest.raises(ValueError, match="declares more bytes than it has"):
        SubsetScores.load(path)


def test_no_damage_ends_in_anything_but_a_sentence(scores: SubsetScores, tmp_path) -> None:
    path = tmp_path / "scores.npz"
    scores.save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for case in range(400):
        damaged = bytearray(content)
        where = rng.integers(len(content), size=rng.integers(1, 6))
        if case % 2:  # the zip's own structures, at its end
            where = len(content) - 1 - rng.integers(500, size=3)
        for at in where:
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(damaged))] if case % 10 == 0 else damaged)
        with contextlib.suppress(ValueError):
            SubsetScores.load(path)

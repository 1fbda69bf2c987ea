import contextlib
import dataclasses
import json
import zipfile

import numpy as np
import pytest

from actionmae.evaluation import SubsetScores, merge
from actionmae.inference import score_subsets
from helpers.fake_classifier import RDI, FakeClassifier, mixed_batches


@pytest.fixture
def model() -> FakeClassifier:
    return FakeClassifier(RDI)


@pytest.fixture
def scores(model: FakeClassifier) -> SubsetScores:
    return score_subsets(model, mixed_batches(), classes=model.classes)


def same(a: SubsetScores, b: SubsetScores) -> bool:
    return (
        (a.sample_ids, a.subjects, a.classes, a.modalities, a.subsets)
        == (b.sample_ids, b.subjects, b.classes, b.modalities, b.subsets)
        and np.array_equal(a.labels, b.labels)
        and np.array_equal(a.available, b.available)
        and all(np.array_equal(a.logits[subset], b.logits[subset], equal_nan=True) for subset in a.subsets)
    )


def test_save_and_load_are_bit_equal(scores: SubsetScores, tmp_path) -> None:
    path = tmp_path / "scores.npz"
    for given in (path, str(path)):
        scores.save(given)
        assert same(SubsetScores.load(given), scores)
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.npz"]


def test_merge_of_padded_shards_equals_a_single_pass(model: FakeClassifier, scores: SubsetScores) -> None:
    first, second = mixed_batches()
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
        ({"modalities": scores.modalities.to_list()[:1]}, {}, r"available is bool"),
        ({"modalities": [{"name": "rgb"}]}, {}, "the definition of modality 'rgb' has no letter, kind"),
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

import dataclasses
from statistics import NormalDist

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet
from actionmae.core.seeds import numpy_generator
from actionmae.core.subsets import all_subsets
from actionmae.evaluation import SubsetScores, paired_difference
from helpers.fake_classifier import chosen_scores

RD = ModalitySet(["rgb", "depth"])
R = ModalitySet(["rgb"])


def random_scores(seed: int, rate: float, *, n: int = 40, **fields) -> SubsetScores:
    rng = np.random.default_rng(seed)
    return chosen_scores(RD, {subset: rng.random(n) < rate for subset in all_subsets(2)}, **fields)


def some_missing(seed: int, n: int = 40) -> np.ndarray:
    available = np.random.default_rng(seed).random((n, 2)) < 0.7
    available[:, 0] |= ~available[:, 1]
    return available


def test_the_mean_is_the_difference_of_the_means() -> None:
    a = [chosen_scores(RD, {(0, 1): [1, 1, 1, 1], (0,): [1, 1, 0, 0], (1,): [0, 0, 0, 0]})]
    b = [chosen_scores(RD, {(0, 1): [1, 1, 0, 0], (0,): [1, 0, 0, 0], (1,): [1, 1, 1, 1]})]
    assert paired_difference(a, b, subsets=["R+D", "R"], seed=0).mean == pytest.approx((50 + 25) / 2)
    assert paired_difference(a, b, subsets=["rgb"], seed=0).mean == pytest.approx(25)
    both = paired_difference(a, a, subsets=["R+D", "R", "D"], seed=0)
    assert (both.mean, both.low, both.high) == (0, 0, 0)  # paired: the same clips for both


@pytest.mark.parametrize("clusters", ["clip", "subject"])
def test_against_naive_loops(clusters: str) -> None:
    subjects = [f"s{at * at % 7}" for at in range(40)]
    fields = {"available": some_missing(0), "subjects": subjects}
    a = [random_scores(at, 0.7, **fields) for at in range(3)]
    b = [random_scores(9 + at, 0.5, **fields) for at in range(2)]
    found = paired_difference(a, b, subsets=["R", "R+D"], seed=4, draws=300, clusters=clusters)
    names = sorted(set(subjects))
    groups = list(range(40)) if clusters == "clip" else [names.index(subject) for subject in subjects]
    rng = numpy_generator(4, "paired difference", 300, clusters)
    expected = []
    for size in (200, 100):
        count = max(groups) + 1
        times = rng.multinomial(count - 1, np.full(count, 1 / count), size=size)
        taken_a, taken_b = (rng.integers(len(runs), size=(len(runs) - 1, size)) for runs in (a, b))
        for draw in range(size):
            means = []
            for runs, taken in ((a, taken_a), (b, taken_b)):
                over_runs = []
                for run in taken[:, draw]:
                    over_subsets = []
                    for subset in ((0,), (0, 1)):
                        drawn = [clip for clip in range(40) for _ in range(times[draw, groups[clip]])]
                        clips = [clip for clip in drawn if runs[run].available[clip, list(subset)].all()]
                        hits = [runs[run].logits[subset][clip].argmax() == runs[run].labels[clip] for clip in clips]
                        over_subsets.append(100 * sum(hits) / len(hits))
                    over_runs.append(sum(over_subsets) / len(over_subsets))
                means.append(sum(over_runs) / len(over_runs))
            expected.append(means[0] - means[1])
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(expected, [2.5, 97.5])))


def test_models_of_other_modalities_share_a_subset_by_name() -> None:
    a = chosen_scores(ModalitySet(["depth", "rgb"]), {(1,): [1, 1, 1, 0], (0,): [0, 0, 0, 0]})
    b = chosen_scores(R, {(0,): [1, 0, 0, 0]})
    assert paired_difference([a], [b], subsets=["R"], seed=0).mean == pytest.approx(50)


def test_only_shared_clips_count() -> None:
    a = chosen_scores(R, {(0,): [1, 0, 1, 1]})
    b = dataclasses.replace(chosen_scores(R, {(0,): [0, 0, 1, 1]}), sample_ids=("x", "y", "clip00000", "clip00001"))
    assert paired_difference([a], [b], subsets=["R"], seed=0).mean == pytest.approx(50 - 100)


def test_same_seed_same_interval_and_a_draw_without_clips_is_left_out() -> None:
    available = np.array([[1, 0]] * 9 + [[1, 1]], dtype=bool)
    scores = [[random_scores(at, 0.6, n=10, available=available)] for at in range(2)]
    first, again = (paired_difference(*scores, subsets=["D"], seed=1, draws=50) for _ in range(2))
    assert first == again
    assert first.low == first.mean == first.high  # one clip
    other = [paired_difference(*scores, subsets=["R"], seed=seed, draws=10) for seed in range(4)]
    assert len({interval.low for interval in other}) > 1


@pytest.mark.parametrize("clusters", ["clip", "subject"])
def test_the_interval_covers_and_is_not_wasteful(clusters: str) -> None:
    """Simulated test sets of 30 subjects with 6 clips each, 4 seeds a method; a clip is easy or hard for every seed."""
    rng = np.random.default_rng(0)
    subjects = [f"s{at // 6:02d}" for at in range(180)]
    found, truth = [], []
    for _ in range(150):
        ease = rng.normal(0, 1, size=180)
        if clusters == "subject":
            ease += np.repeat(rng.normal(0, 1, size=30), 6)
        spread = np.sqrt(1 + (clusters == "subject") + 0.2**2 + 0.5**2)
        runs, rates = [], []
        for skill in (0.5, 0.2):
            own = rng.normal(0, 0.2, size=4)
            hits = [ease + skill + shift + rng.normal(0, 0.5, size=180) > 0 for shift in own]
            runs.append([chosen_scores(R, {(0,): right}, subjects=subjects) for right in hits])
            rates.append(100 * NormalDist().cdf(skill / spread))
        found.append(paired_difference(*runs, subsets=["R"], seed=0, draws=400, clusters=clusters))
        truth.append(rates[0] - rates[1])
    covered = np.mean([at.low <= true <= at.high for at, true in zip(found, truth, strict=True)])
    width = np.mean([at.high - at.low for at in found]) / (2 * 1.96 * np.std([at.mean for at in found]))
    assert covered >= 0.92
    assert 0.9 < width < 1.5


def test_bad_input_is_refused_in_one_sentence() -> None:
    scores = chosen_scores(RD, {(0, 1): [1, 0], (0,): [1, 0]}, available=np.array([[1, 0], [1, 0]], dtype=bool))
    with pytest.raises(ValueError, match="nothing to compare"):
        paired_difference([], [scores], subsets=["R"], seed=0)
    with pytest.raises(ValueError, match="nothing to compare"):
        paired_difference([scores], [scores], subsets=[], seed=0)
    with pytest.raises(ValueError, match="draws is 0: give at least 1"):
        paired_difference([scores], [scores], subsets=["R"], seed=0, draws=0)
    with pytest.raises(ValueError, match="subset D was not scored"):
        paired_difference([scores], [scores], subsets=["D"], seed=0)
    with pytest.raises(ValueError, match=r"no clip has R\+D in all of the scores"):
        paired_difference([scores], [scores], subsets=["R+D"], seed=0)
    with pytest.raises(ValueError, match="the subject of clip 'clip00000' is unknown"):
        paired_difference([scores], [scores], subsets=["R"], seed=0, clusters="subject")
    one = dataclasses.replace(scores, subjects=("s1", "s1"))
    with pytest.raises(
        ValueError, match="all clips are of one subject, 's1', and no interval follows from it: draw by"
    ):
        paired_difference([one], [one], subsets=["R"], seed=0, clusters="subject")
    single = chosen_scores(R, {(0,): [1]})
    with pytest.raises(ValueError, match="only clip 'clip00000' is scored by all, no interval follows from it: score"):
        paired_difference([single], [scores], subsets=["R"], seed=0)
    other = dataclasses.replace(scores, sample_ids=("x", "y"))
    with pytest.raises(ValueError, match="share no clip"):
        paired_difference([scores], [other], subsets=["R"], seed=0)

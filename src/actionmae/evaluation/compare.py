"""Is one method better than another? A paired bootstrap over clips and seeds.

Shapes: R runs (seeds) of one method, S subset, n clips, D draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from actionmae.core.seeds import numpy_generator
from actionmae.core.subsets import parse_subset
from actionmae.evaluation.scores import SubsetScores

# Draws that are weighted at once: bounds the memory to this many numbers for each clip.
_CHUNK = 200


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference in percentage points (positive = the first is better) with its 95 % interval.

    Attributes:
        mean: Of the data as they are.
        low: 2.5th percentile of the bootstrap draws.
        high: 97.5th percentile.
    """

    mean: float
    low: float
    high: float


def paired_difference(
    a: Sequence[SubsetScores],
    b: Sequence[SubsetScores],
    *,
    subsets: Sequence[str],
    seed: int,
    draws: int = 2000,
    clusters: Literal["clip", "subject"] = "clip",
) -> Difference:
    """Mean top-1 over some subsets and over the seeds of a method, `a` minus `b`, with a bootstrap interval.

    Both are judged by the same clips: those which both scored, and for each subset those that have all of it. Every
    draw takes clips (or whole subjects), the same for both methods, and seeds, for each method by itself: the
    pigeonhole bootstrap (Owen, Annals of Applied Statistics 1, 2007). Of G clusters and R seeds it takes G − 1 and
    R − 1 with replacement, without which the variance of so few would come out too small by just this factor (Rao and
    Wu, J. American Statistical Association 83, 1988). With two or three subjects or seeds the interval still is an
    optimistic one: nobody knows the spread from so few.

    Args:
        a: Scores of one method, one for each seed. The modalities of `a` and `b` may differ.
        b: Scores of the other.
        subsets: Names such as "R+D", by letters or modality names; each scored by both.
        seed: Of the draws.
        draws: D, at least 1.
        clusters: What is drawn: single clips, or subjects with all of their clips.

    Raises:
        ValueError: If a method or the list of subsets is empty, a subset was not scored or no clip has it, draws is
            below 1, or clusters is "subject" and a clip's subject is unknown.
    """
    if not a or not b or not subsets:
        raise ValueError(
            "nothing to compare: give scores of at least one seed for each method, and at least one subset"
        )
    if draws < 1:
        raise ValueError(f"draws is {draws}: give at least 1")
    shared = sorted(set.intersection(*(set(scores.sample_ids) for scores in (*a, *b))))
    if not shared:
        raise ValueError("the two methods share no clip: compare scores of the same test clips")
    right_a, right_b = (np.stack([_right(scores, subsets, shared) for scores in runs]) for runs in (a, b))
    counts = ~np.isnan(np.concatenate([right_a, right_b])).any(axis=0)  # [S, n]
    for name, row in zip(subsets, counts, strict=True):
        if not row.any():
            raise ValueError(f"no clip has {name} in all of the scores: compare the methods on other subsets")
    rng = numpy_generator(seed, "paired difference", draws, clusters)
    groups = _groups(a[0], shared, clusters)
    differences = []
    for start in range(0, draws, _CHUNK):
        size = min(_CHUNK, draws - start)
        weights = _weights(rng, groups, size)
        part_a, part_b = (_mean_top1(right, counts, weights) for right in (right_a, right_b))  # [R, D]
        differences.append(_over_runs(rng, part_a) - _over_runs(rng, part_b))
    once = np.ones((1, len(shared)))
    mean = float(_mean_top1(right_a, counts, once).mean() - _mean_top1(right_b, counts, once).mean())
    low, high = np.nanpercentile(np.concatenate(differences), [2.5, 97.5])
    return Difference(mean=mean, low=float(low), high=float(high))


def _right(scores: SubsetScores, subsets: Sequence[str], sample_ids: Sequence[str]) -> Float[np.ndarray, "S n"]:
    """1 = right, 0 = wrong, NaN = the clip lacks a part of the subset."""
    row_of = {sample: row for row, sample in enumerate(scores.sample_ids)}
    rows = [row_of[sample] for sample in sample_ids]
    out = []
    for name in subsets:
        subset = parse_subset(name, scores.modalities)
        if subset not in scores.logits:
            raise ValueError(f"subset {name} was not scored: compare the methods on subsets that both predict from")
        predicted = scores.predicted(subset)
        out.append(np.where(predicted < 0, np.nan, predicted == scores.labels)[rows])
    return np.stack(out)


def _groups(scores: SubsetScores, sample_ids: Sequence[str], clusters: Literal["clip", "subject"]) -> np.ndarray:
    """[n] the number of each clip's cluster, 0 … G − 1."""
    if clusters == "clip":
        return np.arange(len(sample_ids))
    subject_of = dict(zip(scores.sample_ids, scores.subjects, strict=True))
    subjects = [subject_of[sample] for sample in sample_ids]
    if not all(subjects):
        unknown = sample_ids[subjects.index("")]
        raise ValueError(f"the subject of clip {unknown!r} is unknown: draw by clip, or fill the manifest's subjects")
    groups: np.ndarray = np.unique(subjects, return_inverse=True)[1]
    return groups


def _weights(rng: np.random.Generator, groups: np.ndarray, draws: int) -> Float[np.ndarray, "D n"]:
    """How often each draw takes each clip."""
    size = int(groups.max()) + 1
    times = rng.multinomial(max(size - 1, 1), np.full(size, 1 / size), size=draws)
    return times[:, groups].astype(np.float64)


def _mean_top1(
    right: Float[np.ndarray, "R S n"], counts: Bool[np.ndarray, "S n"], weights: Float[np.ndarray, "D n"]
) -> Float[np.ndarray, "R D"]:
    """Mean over the subsets that a draw has clips of, of the weighted top-1 in percent; NaN if it has none at all."""
    hits = np.where(counts, right, 0.0) @ weights.T  # [R, S, D]
    clips = counts.astype(np.float64) @ weights.T  # [S, D]
    with np.errstate(invalid="ignore"):
        return np.asarray(100 * (hits / np.maximum(clips, 1)).sum(axis=1) / (clips > 0).sum(axis=0))


def _over_runs(rng: np.random.Generator, values: Float[np.ndarray, "R D"]) -> Float[np.ndarray, " D"]:
    """Mean over R − 1 of the seeds (the only one of one), drawn with replacement for each draw of clips."""
    runs, draws = values.shape
    taken = rng.integers(runs, size=(max(runs - 1, 1), draws))
    return np.asarray(np.take_along_axis(values, taken, axis=0).mean(axis=0))

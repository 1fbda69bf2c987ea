"""Is one method better than another? A paired bootstrap over clips and seeds.

Shapes: R runs (seeds) of one method, n clips, D draws, V values: of the data as they are, then of the D draws.
"""

import warnings
from collections.abc import Mapping, Sequence
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

    @classmethod
    def of(cls, values: Float[np.ndarray, " V"]) -> "Difference":
        """From a statistic of the data as they are and of each draw, as `bootstrap_top1` orders them."""
        low, high = np.nanpercentile(values[1:], [2.5, 97.5])
        return cls(mean=float(values[0]), low=float(low), high=float(high))


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
            below 1, clusters is "subject" and a clip's subject is unknown, or there is only one clip (or subject).
    """
    top1 = bootstrap_top1({"a": (a, subsets), "b": (b, subsets)}, seed=seed, draws=draws, clusters=clusters)
    # Of a draw's subsets those that it has clips of, the same for both methods.
    a_top1, b_top1 = (np.stack([top1[name, subset] for subset in subsets]) for name in "ab")
    with warnings.catch_warnings(action="ignore"):  # a draw that has no clip of any subset is NaN
        difference = np.nanmean(a_top1, axis=0) - np.nanmean(b_top1, axis=0)
    return Difference.of(difference)


def bootstrap_top1(
    methods: Mapping[str, tuple[Sequence[SubsetScores], Sequence[str]]],
    *,
    seed: int,
    draws: int = 2000,
    clusters: Literal["clip", "subject"] = "clip",
) -> dict[tuple[str, str], Float[np.ndarray, " V"]]:
    """Top-1 in percent of each method on each subset: of the data as they are, then of each bootstrap draw.

    A statistic of these numbers, first on the data and then on all draws, has the draws' percentiles as its interval:
    see `Difference.of`. Clips and seeds are drawn as `paired_difference` says.

    Args:
        methods: By name, the scores of each seed, and the names of subsets.
        seed: Of the draws.
        draws: D, at least 1.
        clusters: What is drawn: single clips, or subjects with all of their clips.

    Returns:
        By (method, subset); NaN where a draw has no clip of the subset.

    Raises:
        ValueError: As `paired_difference` says.
    """
    if not methods or not all(runs and subsets for runs, subsets in methods.values()):
        raise ValueError(
            "nothing to compare: give scores of at least one seed for each method, and at least one subset"
        )
    if draws < 1:
        raise ValueError(f"draws is {draws}: give at least 1")
    everyone = [scores for runs, _ in methods.values() for scores in runs]
    shared = sorted(set.intersection(*(set(scores.sample_ids) for scores in everyone)))
    if not shared:
        raise ValueError("the two methods share no clip: compare scores of the same test clips")
    right = {
        (name, subset): np.stack([_right(scores, subset, shared) for scores in runs])
        for name, (runs, subsets) in methods.items()
        for subset in subsets
    }  # [R, n]
    counts: dict[str, Bool[np.ndarray, " n"]] = {}
    for (_, subset), rows in right.items():
        counts[subset] = counts.get(subset, np.ones(len(shared), dtype=bool)) & ~np.isnan(rows).any(axis=0)
        if not counts[subset].any():
            raise ValueError(f"no clip has {subset} in all of the scores: compare the methods on other subsets")
    once = np.ones((1, len(shared)))
    out = {key: [_top1(rows, counts[key[1]], once).mean(axis=0)] for key, rows in right.items()}
    rng = numpy_generator(seed, "paired difference", draws, clusters)
    groups = _groups(everyone[0], shared, clusters)
    for start in range(0, draws, _CHUNK):
        weights = _weights(rng, groups, min(_CHUNK, draws - start))
        for name, (runs, subsets) in methods.items():
            # All but one of the seeds (the only one of one), drawn with replacement for each draw of clips.
            taken = rng.integers(len(runs), size=(max(len(runs) - 1, 1), len(weights)))
            for subset in dict.fromkeys(subsets):
                top1 = _top1(right[name, subset], counts[subset], weights)
                out[name, subset].append(np.take_along_axis(top1, taken, axis=0).mean(axis=0))
    return {key: np.concatenate(parts) for key, parts in out.items()}


def _right(scores: SubsetScores, name: str, sample_ids: Sequence[str]) -> Float[np.ndarray, " n"]:
    """1 = right, 0 = wrong, NaN = the clip lacks a part of the subset."""
    subset = parse_subset(name, scores.modalities)
    if subset not in scores.logits:
        raise ValueError(f"subset {name} was not scored: compare the methods on subsets that both predict from")
    row_of = {sample: row for row, sample in enumerate(scores.sample_ids)}
    predicted = scores.predicted(subset)
    right = np.where(predicted < 0, np.nan, predicted == scores.labels)
    return np.asarray(right[[row_of[sample] for sample in sample_ids]])


def _groups(scores: SubsetScores, sample_ids: Sequence[str], clusters: Literal["clip", "subject"]) -> np.ndarray:
    """[n] the number of each clip's cluster, 0 … G − 1."""
    if clusters == "clip":
        if len(sample_ids) < 2:
            raise ValueError(
                f"only clip {sample_ids[0]!r} is scored by all, no interval follows from it: score more clips"
            )
        return np.arange(len(sample_ids))
    subject_of = dict(zip(scores.sample_ids, scores.subjects, strict=True))
    subjects = [subject_of[sample] for sample in sample_ids]
    if not all(subjects):
        unknown = sample_ids[subjects.index("")]
        raise ValueError(f"the subject of clip {unknown!r} is unknown: draw by clip, or fill the manifest's subjects")
    if len(set(subjects)) < 2:
        raise ValueError(
            f"all clips are of one subject, {subjects[0]!r}, and no interval follows from it: draw by clip, or score "
            "clips of other subjects"
        )
    groups: np.ndarray = np.unique(subjects, return_inverse=True)[1]
    return groups


def _weights(rng: np.random.Generator, groups: np.ndarray, draws: int) -> Float[np.ndarray, "D n"]:
    """How often each draw takes each clip."""
    size = int(groups.max()) + 1
    times = rng.multinomial(size - 1, np.full(size, 1 / size), size=draws)
    return times[:, groups].astype(np.float64)


def _top1(
    right: Float[np.ndarray, "R n"], counts: Bool[np.ndarray, " n"], weights: Float[np.ndarray, "D n"]
) -> Float[np.ndarray, "R D"]:
    """The weighted top-1 in percent; NaN where a draw has no clip."""
    with np.errstate(invalid="ignore"):
        return np.asarray(100 * (np.where(counts, right, 0.0) @ weights.T) / (counts.astype(np.float64) @ weights.T))

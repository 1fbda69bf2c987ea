"""What each sensor is worth: its Shapley value, the points of top-1 that it adds, averaged over all ways to add it.

Shapes: n clips that have all M modalities, S scored subsets.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from actionmae.evaluation.intervals import Z_95, Interval, cluster_interval
from actionmae.evaluation.means import sample_variance
from actionmae.evaluation.scores import SubsetScores


@dataclass(frozen=True, kw_only=True)
class SensorValue:
    """One modality.

    Attributes:
        name: Its name.
        letter: Its letter in the names of subsets.
        shapley: Points of top-1; None if too few subsets were scored, or no clip has all modalities.
        interval: 95 % interval, over the clips (clustered by subject where subjects are known) and, where subsets were
            sampled, over the sample.
    """

    name: str
    letter: str
    shapley: float | None = None
    interval: Interval | None = None


def sensor_values(scores: SubsetScores) -> tuple[SensorValue, ...]:
    """The Shapley value of every modality, on the clips that have all of them.

    The game is top-1 with a subset, and chance with nothing; so the values add up to top-1 with all modalities minus
    chance (Shapley, A Value for n-Person Games, 1953). For each number of modalities the mean of the scored subsets
    with a modality is set against the mean of those without: exact if all subsets were scored, and from a sample the
    stratified estimate that uses every subset for every modality (Kolpaczki et al., Approximating the Shapley Value
    without Marginal Contributions, AAAI 2024).
    """
    specs = scores.modalities
    subsets, size = scores.subsets, len(specs)
    complete = scores.has(scores.full)
    if not complete.any() or not (scores.sampled or len(subsets) == 2**size - 1):
        return tuple(SensorValue(name=spec.name, letter=spec.letter) for spec in specs)
    right = np.stack([scores.predicted(subset)[complete] == scores.labels[complete] for subset in subsets]).astype(
        float
    )
    subjects = np.array(scores.subjects)[complete]
    clusters = subjects if all(subjects) else np.arange(len(subjects))
    values = []
    for slot, spec in enumerate(specs):
        weights, variance = _weights(scores, slot, right.mean(axis=1))
        of_clips = weights @ right - 1 / (len(scores.classes) * size)  # [n]
        value, interval = float(of_clips.mean()), cluster_interval(of_clips, clusters)
        if interval is not None:
            half = math.hypot((interval[1] - interval[0]) / 2, Z_95 * math.sqrt(variance))
            interval = (100 * (value - half), 100 * (value + half))
        values.append(SensorValue(name=spec.name, letter=spec.letter, shapley=100 * value, interval=interval))
    return tuple(values)


def _weights(scores: SubsetScores, slot: int, top1: Float[np.ndarray, " S"]) -> tuple[Float[np.ndarray, " S"], float]:
    """What each subset's top-1 counts in the value of one modality, and the variance from the sample of subsets."""
    size = len(scores.modalities)
    sizes = np.array([len(subset) for subset in scores.subsets])
    has = np.array([slot in subset for subset in scores.subsets])
    weights, variance = np.zeros(len(sizes)), 0.0
    for count in range(1, size + 1):
        for sign, there in ((1, has), (-1, ~has)):
            stratum = (sizes == count) & there
            population = float(math.comb(size - 1, count - 1 if sign > 0 else count))
            if population:
                weights[stratum] = sign / (size * stratum.sum())
                variance += sample_variance(top1[stratum], population) / size**2
    return weights, variance

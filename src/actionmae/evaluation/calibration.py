"""How sure may a model be? Temperatures, calibration error, and what a "don't know" threshold buys. No torch.

Shapes: n clips, K classes.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

from actionmae.core.calibration import Calibration
from actionmae.core.subsets import format_subset
from actionmae.evaluation.scores import SubsetScores

BINS = 15
THRESHOLDS = tuple(round(0.05 * at, 2) for at in range(20))
_LOWEST, _HIGHEST = np.log(0.05), np.log(20.0)


def fit_temperature(logits: Float[np.ndarray, "n K"], labels: Int64[np.ndarray, " n"]) -> float:
    """The T in 0.05–20 that minimises the mean negative log-likelihood of softmax(logits / T) (Guo et al. 2017, §4.2).

    The loss is convex in 1 / T, so it has one minimum, found by golden sections.
    """
    low, high = _LOWEST, _HIGHEST
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if _nll(logits / np.exp(left), labels) <= _nll(logits / np.exp(right), labels):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def fit_calibration(scores: SubsetScores, *, min_clips: int = 50) -> Calibration:
    """A temperature of each subset that enough clips have, and one of all subsets' clips together for the others.

    Args:
        scores: Of clips that the model was not trained on.
        min_clips: Fewer than these have no temperature of their own.
    """
    rows = {format_subset(subset, scores.modalities): scores.has(subset) for subset in scores.subsets}
    logits = dict(zip(rows, scores.logits.values(), strict=True))
    pooled = fit_temperature(
        np.concatenate([logits[name][have] for name, have in rows.items()]),
        np.concatenate([scores.labels[have] for have in rows.values()]),
    )
    own = {
        name: fit_temperature(logits[name][have], scores.labels[have])
        for name, have in rows.items()
        if have.sum() >= min_clips
    }
    return Calibration(pooled=pooled, temperatures=own)


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How far the confidence of one subset's answers can be believed.

    Attributes:
        subset: As in "R+D".
        n: Clips.
        temperature: Which was used.
        ece_before: Expected calibration error of the plain probabilities, 0–1.
        ece_after: Of the calibrated ones.
        bins: For each of 15 equal bins of calibrated confidence that has clips: their number, mean confidence and
            accuracy.
        coverage: For each threshold of confidence: the threshold, the fraction of clips that reach it, and their
            accuracy (None if there is none).
    """

    subset: str
    n: int
    temperature: float
    ece_before: float
    ece_after: float
    bins: tuple[tuple[int, float, float], ...]
    coverage: tuple[tuple[float, float, float | None], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def reliability(scores: SubsetScores, calibration: Calibration) -> list[Reliability]:
    """One entry for each subset that has clips, in table order."""
    found = []
    for subset, logits in scores.logits.items():
        have, name = scores.has(subset), format_subset(subset, scores.modalities)
        if not have.any():
            continue
        temperature = calibration.temperature(name)
        before = _confidence(logits[have])
        after = _confidence(logits[have] / temperature)
        right = logits[have].argmax(axis=1) == scores.labels[have]
        found.append(
            Reliability(
                subset=name,
                n=int(have.sum()),
                temperature=temperature,
                ece_before=calibration_error(before, right),
                ece_after=calibration_error(after, right),
                bins=tuple(reliability_bins(after, right)),
                coverage=tuple(coverage_curve(after, right)),
            )
        )
    return found


def reliability_bins(
    confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]
) -> list[tuple[int, float, float]]:
    """Number, mean confidence and accuracy of the clips in each of 15 equal bins; empty bins are left out."""
    at = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    inside = [at == each for each in range(BINS) if (at == each).any()]
    return [(int(rows.sum()), float(confidence[rows].mean()), float(right[rows].mean())) for rows in inside]


def calibration_error(confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> float:
    """Expected calibration error: Σ over bins of n_b / n · |accuracy − confidence| (Naeini et al. 2015), 0–1."""
    return sum(n * abs(accuracy - mean) for n, mean, accuracy in reliability_bins(confidence, right)) / len(right)


def coverage_curve(
    confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]
) -> list[tuple[float, float, float | None]]:
    """What answering only above a threshold buys: (threshold, coverage, accuracy) for 0, 0.05 … 0.95."""
    sure = [(threshold, confidence >= threshold) for threshold in THRESHOLDS]
    return [(each, float(rows.mean()), float(right[rows].mean()) if rows.any() else None) for each, rows in sure]


def reliability_lines(found: list[Reliability]) -> list[str]:
    """For a terminal: one line a subset."""
    return [
        f"{each.subset}: T {each.temperature:.2f}, calibration error {100 * each.ece_before:.1f} → "
        f"{100 * each.ece_after:.1f} % ({each.n} clips)"
        for each in found
    ]


def _softmax(logits: Float[np.ndarray, "n K"]) -> Float[np.ndarray, "n K"]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _confidence(logits: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
    return np.asarray(_softmax(logits.astype(np.float64)).max(axis=1))


def _nll(logits: Float[np.ndarray, "n K"], labels: Int64[np.ndarray, " n"]) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]).mean())

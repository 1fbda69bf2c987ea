"""Logits → calibrated probabilities → a `Prediction`. No torch.

Shapes: R rows, M modality, K classes.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset, format_subset
from actionmae.inference.prediction import Prediction, Vote


@runtime_checkable
class Described(Protocol):
    """What a model says about itself.

    Attributes:
        modalities: In slot order.
        classes: In the order of the logits.
        supported_subsets: Which it predicts from; None = all.
        calibration: How sure it may be; None = unknown.
    """

    modalities: ModalitySet
    classes: tuple[str, ...]
    supported_subsets: tuple[Subset, ...] | None
    calibration: Calibration | None


def calibrated_probabilities(
    model: Described, logits: Float[np.ndarray, "R K"], visible: Bool[np.ndarray, "R M"]
) -> Float[np.ndarray, "R K"]:
    """Softmax, each row by the temperature of its subset; logits that are not finite give NaN."""
    if model.calibration is not None:
        names = (format_subset(tuple(np.flatnonzero(row).tolist()), model.modalities) for row in visible)
        logits = logits / np.array([[model.calibration.temperature(name)] for name in names], dtype=np.float32)
    with np.errstate(invalid="ignore"):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def to_prediction(
    model: Described,
    probabilities: Float[np.ndarray, " K"],
    visible: Bool[np.ndarray, " M"],
    *,
    top: int,
    min_confidence: float = 0.0,
    broken: Mapping[str, str] | None = None,
    votes: tuple[Vote, ...] = (),
) -> Prediction:
    """What the probabilities of one clip's classes say.

    Args:
        model: Whose names count.
        probabilities: Of its classes.
        visible: Which modalities were used.
        top: How many classes are named.
        min_confidence: Below this probability the answer is not `sure`.
        broken: Modalities that were given but not used, and why.
        votes: Of the modalities that were used.
    """
    best = np.argsort(-probabilities, kind="stable")[:top].tolist()
    used = dict(zip(model.modalities.names, visible.tolist(), strict=True))
    return Prediction(
        classes=tuple(model.classes[index] for index in best),
        probabilities=tuple(float(probabilities[index]) for index in best),
        available=tuple(name for name, given in used.items() if given),
        missing=tuple(name for name, given in used.items() if not given and name not in (broken or {})),
        broken=dict(broken or {}),
        sure=float(probabilities[best[0]]) >= min_confidence,
        votes=votes,
    )


def require_probability(min_confidence: float) -> None:
    """Refuse a threshold that is none.

    Raises:
        ValueError: If it is outside 0–1.
    """
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence is {min_confidence}: give a probability, 0–1")

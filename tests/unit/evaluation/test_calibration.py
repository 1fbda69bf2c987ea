"""Temperatures and calibration errors against cases whose answer is known."""

import json

import numpy as np
import pytest

from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.evaluation.calibration import (
    calibration_error,
    coverage_curve,
    fit_calibration,
    fit_temperature,
    reliability,
    reliability_bins,
)
from actionmae.evaluation.scores import SubsetScores


def drawn(n: int, *, sharper: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax at temperature `sharper` is the true distribution of the labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return (logits * sharper).astype(np.float32), labels


@pytest.mark.parametrize("sharper", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_what_made_the_logits_too_sharp(sharper: float) -> None:
    assert fit_temperature(*drawn(20_000, sharper=sharper)) == pytest.approx(sharper, rel=0.05)


def test_the_error_counts_each_bin_by_its_clips() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 1.0])
    right = np.array([True, True, False, False, True, True])
    assert calibration_error(confidence, right) == pytest.approx((4 * 0.4 + 0.5 + 0) / 6)
    assert [n for n, _, _ in reliability_bins(confidence, right)] == [1, 4, 1]
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0


def test_a_threshold_trades_coverage_for_accuracy() -> None:
    curve = coverage_curve(np.array([0.4, 0.6, 0.8, 0.85]), np.array([False, True, False, True]))
    assert curve[0] == (0.0, 1.0, 0.5)
    assert curve[10] == (0.5, 0.75, pytest.approx(2 / 3))
    assert curve[17] == (0.85, 0.25, 1.0)
    assert curve[19] == (0.95, 0.0, None)


@pytest.fixture
def scores() -> SubsetScores:
    """Both sensors are honest, R alone is far too sure, and few clips have D at all."""
    honest, labels = drawn(4000, sharper=1.0)
    available = np.ones((4000, 2), dtype=bool)
    available[40:, 1] = False
    both = honest.copy()
    both[40:] = np.nan
    return SubsetScores(
        modalities=ModalitySet(["rgb", "depth"]),
        classes=tuple("abcd"),
        sample_ids=tuple(f"{at:04}" for at in range(4000)),
        subjects=("",) * 4000,
        labels=labels,
        available=available,
        logits={(0, 1): both, (0,): honest * 4},
    )


def test_each_subset_has_its_temperature_and_rare_ones_share_one(scores: SubsetScores) -> None:
    calibration = fit_calibration(scores)
    assert calibration.temperatures.keys() == {"R"}
    assert calibration.temperature("R") == pytest.approx(4, rel=0.1)
    assert calibration.temperature("R+D") == calibration.temperature("D") == calibration.pooled
    both, alone = reliability(scores, calibration)
    assert (both.subset, both.n, alone.subset, alone.n) == ("R+D", 40, "R", 4000)
    assert alone.ece_before > 0.1
    assert alone.ece_after < 0.02
    assert alone.to_dict()["temperature"] == calibration.temperature("R")
    assert fit_calibration(scores, min_clips=40).temperatures.keys() == {"R+D", "R"}


def test_a_calibration_reads_back_and_refuses_nonsense() -> None:
    calibration = Calibration(pooled=1.5, temperatures={"R": 2.0}, healthy={"rgb": {"level": (0.0, 1.0)}})
    assert Calibration.from_dict(calibration.to_dict()) == calibration
    assert json.loads(json.dumps(calibration.to_dict())) == calibration.to_dict()
    with pytest.raises(ValueError, match=r"temperature of R is -1.0: it must be above 0"):
        Calibration(pooled=1.0, temperatures={"R": -1.0})
    with pytest.raises(ValueError, match="pooled"):
        Calibration.from_dict({"temperatures": {}})

import dataclasses
import itertools
import math

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets, format_subset
from actionmae.evaluation import RobustnessTable, SubsetScores
from actionmae.evaluation.means import by_size, mean_over
from actionmae.evaluation.shapley import sensor_values
from actionmae.evaluation.subset_plan import plan_subsets
from helpers.fake_classifier import chosen_scores


def modalities(size: int) -> ModalitySet:
    letters = "ABCDEFGHIJKL"
    fields = {"kind": "features", "shape": [4], "value": "raw", "encoder": "features"}
    return ModalitySet([{"name": f"s{at}", "letter": letters[at], **fields} for at in range(size)])


def sensible_scores(size: int, n: int = 200, seed: int = 0, **fields) -> SubsetScores:
    """Clips are right where the strengths of the sensors that are there exceed the clip's difficulty."""
    rng = np.random.default_rng(seed)
    strength = np.linspace(0.2, 1.0, size) * 2 / size
    easy = rng.random((n, size)) * strength
    hard = rng.random(n) * 0.8
    hits = {subset: easy[:, list(subset)].sum(axis=1) > hard for subset in all_subsets(size)}
    return chosen_scores(modalities(size), hits, **fields)


def by_definition(scores: SubsetScores) -> list[float]:
    """Mean over all orders of what each modality adds, loops only."""
    size = len(scores.modalities)
    complete = [row for row in range(len(scores)) if scores.available[row].all()]

    def top1(subset: tuple[int, ...]) -> float:
        if not subset:
            return 100 / len(scores.classes)
        hits = [scores.logits[subset][row].argmax() == scores.labels[row] for row in complete]
        return 100 * sum(hits) / len(hits)

    added = [0.0] * size
    for order in itertools.permutations(range(size)):
        for at, slot in enumerate(order):
            added[slot] += top1(tuple(sorted(order[: at + 1]))) - top1(tuple(sorted(order[:at])))
    return [value / math.factorial(size) for value in added]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_against_the_definition(size: int) -> None:
    available = np.random.default_rng(1).random((200, size)) < 0.9
    available[:, 0] |= ~available.any(axis=1)
    scores = sensible_scores(size, available=available)
    found = [sensor.shapley for sensor in sensor_values(scores)]
    assert found == pytest.approx(by_definition(scores))
    table = RobustnessTable.from_scores(scores)
    full = scores.predicted(scores.full)
    rate = 100 * (full == scores.labels)[full >= 0].mean()
    assert sum(found) == pytest.approx(rate - 100 / table.num_classes)


def test_intervals_hold_the_value_and_are_wider_by_subject() -> None:
    subjects = [f"s{at % 5}" for at in range(200)]
    alone, grouped = (sensor_values(sensible_scores(3, subjects=names)) for names in (None, subjects))
    for a, b in zip(alone, grouped, strict=True):
        assert a.shapley == b.shapley
        assert a.interval[0] < a.shapley < a.interval[1]
        assert a.interval != b.interval


def test_a_sample_of_subsets_gives_unbiased_values_with_an_honest_interval() -> None:
    """Of 8 sensors 109 of 255 subsets; the strata with random subsets are drawn anew by naming sensors anew."""
    exact = sensible_scores(8, n=80)
    truth = np.array([sensor.shapley for sensor in sensor_values(exact)])
    mean_truth = RobustnessTable.from_scores(exact).mean_top1
    rng = np.random.default_rng(0)
    found, covered, mean_covered = [], [], []
    for _ in range(15):
        names = rng.permutation(8)
        drawn = {tuple(sorted(names[list(subset)].tolist())): None for subset in plan_subsets(8).subsets}
        logits = {subset: exact.logits[subset] for subset in exact.subsets if subset in drawn}
        scores = dataclasses.replace(exact, logits=logits, sampled=True)
        values = sensor_values(scores)
        found.append([sensor.shapley for sensor in values])
        covered.append(
            [sensor.interval[0] <= true <= sensor.interval[1] for sensor, true in zip(values, truth, strict=True)]
        )
        table = RobustnessTable.from_scores(scores)
        low, high = mean_over(table.rows, lambda row: row.top1).interval
        mean_covered.append(low <= mean_truth <= high)
        assert sum(row.stands_for for row in table.rows) == pytest.approx(255)
    assert np.abs(np.mean(found, axis=0) - truth).max() < 0.3
    assert np.mean(covered) > 0.95  # they hold the clips' uncertainty, too
    assert np.mean(mean_covered) >= 0.85


def test_a_specialist_of_a_subset_that_was_not_drawn_counts_for_no_further_ones() -> None:
    plan, exact = plan_subsets(8), sensible_scores(8, n=20)
    scores = dataclasses.replace(exact, logits={subset: exact.logits[subset] for subset in plan.subsets}, sampled=True)
    undrawn = next(subset for subset in exact.subsets if len(subset) == 3 and subset not in plan.subsets)
    name = format_subset(undrawn, exact.modalities)
    table, without = RobustnessTable.from_scores(scores, {name: 50.0}), RobustnessTable.from_scores(scores)
    assert (table[name].top1, table[name].specialist) == (None, 50.0)
    assert table.summary() == without.summary()
    assert table.summary().endswith("estimated from 109 of 255 subsets")
    sizes = {group.size: (group.top1.scored, group.top1.total) for group in by_size(table.rows)}
    assert sizes[3] == (16, 56)
    assert RobustnessTable.from_json(table.to_json()) == table


def test_no_value_without_complete_clips_or_with_too_few_subsets() -> None:
    lacking = np.array([[1, 0], [0, 1]], dtype=bool)
    without = chosen_scores(modalities(2), {subset: [1, 0] for subset in all_subsets(2)}, available=lacking)
    few = chosen_scores(modalities(2), {(0, 1): [1, 0], (0,): [1, 0]})
    for scores in (without, few):
        assert [(value.shapley, value.interval) for value in sensor_values(scores)] == [(None, None)] * 2
        assert "A = s0" in RobustnessTable.from_scores(scores).to_text()

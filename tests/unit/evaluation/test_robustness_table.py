import csv
import io
import itertools
import json
import re

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.evaluation import RobustnessTable
from actionmae.evaluation.intervals import cluster_interval, wilson_interval
from helpers.fake_classifier import chosen_scores

RDI = ModalitySet(["rgb", "depth", "ir"])
RD = ModalitySet(["rgb", "depth"])
# Tables 4 and 5, NTU RGB+D 60, in the order R+D+I, R+D, R+I, D+I, R, D, I.
PAPER = {
    "sum": ([93.3, 89.0, 59.4, 89.2, 15.6, 85.9, 12.1], -34.8),
    "concat": ([93.2, 91.4, 75.4, 18.6, 53.1, 88.2, 31.7], -33.5),
    "transformer": ([92.6, 91.6, 66.6, 90.4, 56.6, 88.9, 35.4], -21.0),
    # The paper prints −8.3; the mean of its own rows is −5.2.
    "actionmae": ([93.0, 92.6, 87.6, 91.9, 83.4, 89.7, 81.7], -5.2),
}


@pytest.mark.parametrize("method", PAPER)
def test_mean_delta_recomputes_from_the_papers_rows(method: str) -> None:
    top1, mean_delta = PAPER[method]
    hits = {subset: np.arange(1000) < round(10 * value) for subset, value in zip(all_subsets(3), top1, strict=True)}
    table = RobustnessTable.from_scores(chosen_scores(RDI, hits))
    assert [row.subset for row in table.rows] == ["R+D+I", "R+D", "R+I", "D+I", "R", "D", "I"]
    assert [row.top1 for row in table.rows] == pytest.approx(top1)
    assert round(table.mean_delta, 1) == mean_delta
    assert table.mean_top1 == pytest.approx(np.mean(top1))
    assert table["R"].delta == pytest.approx(top1[4] - top1[0])


def test_rows_count_only_clips_that_have_the_subset_and_delta_is_paired() -> None:
    # Clips 0–3 are complete, 4–5 lack depth, 6 lacks rgb.
    available = np.array([[1, 1]] * 4 + [[1, 0]] * 2 + [[0, 1]], dtype=bool)
    scores = chosen_scores(
        RD,
        {(0, 1): [1, 1, 1, 0, 0, 0, 0], (0,): [1, 0, 0, 0, 1, 1, 0], (1,): [1, 1, 1, 1, 0, 0, 0]},
        available=available,
    )
    table = RobustnessTable.from_scores(scores)
    full, rgb, depth = table.rows
    assert [(row.n, row.correct, row.paired) for row in table.rows] == [(4, 3, 4), (6, 3, 4), (5, 4, 4)]
    assert rgb.top1 == pytest.approx(50.0)
    assert rgb.delta == pytest.approx(25.0 - 75.0)  # on clips 0–3 alone, not 50 − 75
    assert depth.delta == pytest.approx(25.0)
    assert full.delta is None
    # Complete clips by both, clips 4 and 5 by rgb (right), clip 6 by depth (wrong).
    assert (table.recorded.n, table.recorded.correct) == (7, 5)
    assert table.recorded.delta is None  # on complete clips it is the full set itself
    assert table.grids()[0].rows[-1][0] == "as recorded"
    assert table.grids()[0].rows[-1][table.grids()[0].header.index("Δ")] == ""
    assert table.num_clips == 7


def test_metrics_against_hand_counts() -> None:
    # Labels 0 0 0 1; predictions 0 0 1 1.
    scores = chosen_scores(ModalitySet(["rgb"]), {(0,): [1, 1, 0, 1]}, labels=[0, 0, 0, 1], num_classes=3)
    row = RobustnessTable.from_scores(scores).rows[0]
    assert row.top1 == pytest.approx(75)
    assert row.mean_class == pytest.approx(100 * (2 / 3 + 1) / 2)
    assert row.macro_f1 == pytest.approx(100 * (0.8 + 2 / 3) / 2)
    assert row.top5 == pytest.approx(100)  # top-3 of 3 classes
    assert RobustnessTable.from_scores(scores).grids()[0].header[4] == "top-3"


def test_metrics_against_naive_loops() -> None:
    scores = chosen_scores(ModalitySet(["rgb"]), {(0,): [True] * 200}, num_classes=12)
    logits = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32)
    logits[np.arange(200), scores.labels] += 1
    scores.logits[(0,)] = logits
    row = RobustnessTable.from_scores(scores).rows[0]
    recalls, f1s, top5 = [], [], 0
    for label in range(12):
        true = [at for at in range(200) if scores.labels[at] == label]
        taken = [at for at in range(200) if max(range(12), key=lambda k, at=at: logits[at, k]) == label]
        hits = len(set(true) & set(taken))
        recall, precision = hits / len(true), hits / len(taken)
        recalls.append(recall)
        f1s.append(2 * recall * precision / (recall + precision))
    for at in range(200):
        top5 += scores.labels[at] in sorted(range(12), key=lambda k, at=at: -logits[at, k])[:5]
    expected = (100 * np.mean(f1s), 100 * top5 / 200, 100 * np.mean(recalls))
    assert (row.macro_f1, row.top5, row.mean_class) == pytest.approx(expected)


def test_a_subset_without_clips_prints_na_and_the_means_say_of_how_many_they_are() -> None:
    available = np.array([[1, 0]] * 3, dtype=bool)
    scores = chosen_scores(RD, {subset: [1, 1, 0] for subset in all_subsets(2)}, available=available)
    table = RobustnessTable.from_scores(scores)
    assert [row.n for row in table.rows] == [0, 3, 0]
    assert table.mean_delta is None
    assert table.mean_top1 == pytest.approx(200 / 3)
    line = table.to_text().splitlines()[2]
    assert line.split()[:4] == ["R+D", "0", "n/a", "n/a"]
    assert table.summary() == "mean Δ n/a points of 0 of 2 subsets · mean top-1 66.7 % of 1 of 3 subsets"


def test_an_unsupported_subset_is_na() -> None:
    table = RobustnessTable.from_scores(chosen_scores(RD, {(0, 1): [1, 0], (0,): [1, 1]}))
    assert table["D"].top1 is None
    assert table["D"].n == 0
    assert table["R"].delta == pytest.approx(50)
    assert table.summary() == "mean Δ +50.0 points of 1 of 2 subsets · mean top-1 75.0 % of 2 of 3 subsets"
    assert [sensor.shapley for sensor in table.sensors] == [None, None]
    for text in (table.to_text(), table.to_markdown()):
        assert re.search(r"\bD \W*0 \W*n/a", text)
    assert json.loads(table.to_json())["rows"][2]["top1"] is None
    assert "\nD,0,0,,," in table.to_csv()


def test_specialists_and_their_gap() -> None:
    scores = chosen_scores(RD, {subset: [1, 1, 1, 0] for subset in all_subsets(2)})
    table = RobustnessTable.from_scores(scores, {"depth": 80.0, "R": 70.5})
    assert table["D"].gap == pytest.approx(-5.0)
    assert table["R"].gap == pytest.approx(4.5)
    assert table["R+D"].gap is None
    assert table.grids()[0].header[-2:] == ["specialist", "gap"]
    assert "−5.0" in table.to_markdown()
    with pytest.raises(ValueError, match=r"specialist D has top-1 880.0: give percent"):
        RobustnessTable.from_scores(scores, {"D": 880.0})
    with pytest.raises(ValueError, match="unknown modality 'X'"):
        RobustnessTable.from_scores(scores, {"X": 80.0})


def test_subject_interval_needs_all_subjects() -> None:
    hits = {(0,): [1, 1, 1, 0, 0, 1]}
    rgb = ModalitySet(["rgb"])
    known = RobustnessTable.from_scores(chosen_scores(rgb, hits, subjects=["a", "a", "b", "b", "c", "c"]))
    partly = RobustnessTable.from_scores(chosen_scores(rgb, hits, subjects=["a", "a", "b", "b", "c", ""]))
    assert known.rows[0].subject_interval is not None
    assert "by subject" in known.grids()[0].header
    assert partly.rows[0].subject_interval is None
    assert "by subject" not in partly.grids()[0].header


@pytest.fixture
def table() -> RobustnessTable:
    rng = np.random.default_rng(0)
    hits = {subset: rng.random(60) < 0.3 + 0.2 * len(subset) for subset in all_subsets(3)}
    subjects = [f"s{at % 4}" for at in range(60)]
    return RobustnessTable.from_scores(chosen_scores(RDI, hits, subjects=subjects), {"R": 50.0})


def test_json_round_trip(table: RobustnessTable) -> None:
    assert RobustnessTable.from_json(table.to_json()) == table
    damaged = table.to_json().replace('"n": 60', '"n": "60"', 1)
    for text in ("{}", "[]", "no json", '{"format": 2}', '{"format": 3}', "[" * 100_000, damaged):
        with pytest.raises(ValueError, match="this JSON is no robustness table"):
            RobustnessTable.from_json(text)


def test_text_columns_are_aligned(table: RobustnessTable) -> None:
    rows, sensors, summary = table.to_text().split("\n\n")
    lines = rows.splitlines()
    assert len(lines) == 2 + 7 + 1 + 1  # header, rule, subsets, rule, as recorded
    assert len({len(line) for line in lines[:2] + lines[9:10]}) == 1
    assert lines[0].split()[:3] == ["subset", "n", "top-1"]
    assert [line.split()[:3] for line in sensors.splitlines()[2:]] == [
        ["R", "=", "rgb"],
        ["D", "=", "depth"],
        ["I", "=", "ir"],
    ]
    assert summary == table.summary()


def test_markdown_and_csv_hold_every_row(table: RobustnessTable) -> None:
    names = [row.subset for row in (*table.rows, table.recorded)]
    body = table.to_markdown().splitlines()[2:10]
    assert [line.split("|")[1].strip() for line in body] == names
    read = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert [row["subset"] for row in read] == names
    assert float(read[4]["top1"]) == table["R"].top1
    assert float(read[4]["interval_low"]) == table["R"].interval[0]
    assert float(read[4]["gap"]) == table["R"].gap
    assert read[0]["delta"] == ""


def test_an_unknown_row_is_refused(table: RobustnessTable) -> None:
    with pytest.raises(ValueError, match=r"no row 'X': this table has R\+D\+I, R\+D"):
        table["X"]


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Statistics in Medicine 17, Table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_published_values(correct: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_exact_at_its_ends_and_refuses_nonsense() -> None:
    assert wilson_interval(0, 7)[0] == 0.0
    assert wilson_interval(7, 7)[1] == 1.0
    for correct, n in ((0, 0), (-1, 3), (4, 3)):
        with pytest.raises(ValueError, match=f"{correct} correct of {n} is no fraction"):
            wilson_interval(correct, n)


def test_cluster_interval_is_the_t_interval_of_the_means_for_equal_clusters() -> None:
    means = np.array([0.5, 0.75, 1.0, 0.75])
    values = np.array([1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1], dtype=np.float64)
    clusters = np.repeat(["a", "b", "c", "d"], 4)
    half = 3.182446305 * means.std(ddof=1) / 2  # t(3) at 97.5 %
    assert cluster_interval(values, clusters) == pytest.approx((0.75 - half, 0.75 + half))


def test_cluster_interval_has_no_answer_without_spread() -> None:
    assert cluster_interval(np.array([1.0, 0.0]), np.array(["a", "a"])) is None
    assert cluster_interval(np.array([1.0, 1.0]), np.array(["a", "b"])) is None


def test_cluster_interval_covers_with_four_unequal_clusters() -> None:
    """The 95 % interval holds the true mean in at least 90 % of simulated four-subject test sets."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(4), [30, 40, 50, 40])
    hits = 0
    for _ in range(400):
        skill = np.clip(rng.normal(0.7, 0.1, size=4), 0, 1)
        interval = cluster_interval((rng.random(160) < skill[clusters]).astype(np.float64), clusters)
        hits += interval[0] <= 0.7 <= interval[1]
    assert hits / 400 > 0.9


def test_every_subset_name_is_a_row(table: RobustnessTable) -> None:
    for size in (1, 2, 3):
        for letters in itertools.combinations("RDI", size):
            assert table["+".join(letters)].n == 60

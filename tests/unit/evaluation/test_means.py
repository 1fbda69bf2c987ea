import numpy as np
import pytest

from actionmae.evaluation.means import by_size, mean_over
from actionmae.evaluation.rows import TableRow


def row(subset: str, top1: float | None, stands_for: float = 1.0) -> TableRow:
    return TableRow(subset=subset, n=10, correct=0, top1=top1, stands_for=stands_for)


def top1(row: TableRow) -> float | None:
    return row.top1


def test_all_subsets_count_the_same_and_nothing_is_estimated() -> None:
    mean = mean_over([row("A+B", 90.0), row("A", 50.0), row("B", None)], top1)
    assert (mean.value, mean.interval, mean.scored, mean.total) == (70.0, None, 2, 3)
    assert mean_over([row("A", None)], top1).value is None


def test_a_sample_is_weighted_by_what_it_stands_for() -> None:
    """One full set, and two of the 20 subsets of three sensors: by the formulas of Cochran § 2.5 and § 5.4."""
    mean = mean_over([row("A+B+C+D+E+F", 90.0), row("A+B+C", 60.0, 10.0), row("D+E+F", 40.0, 10.0)], top1)
    assert mean.value == pytest.approx((90 + 20 * 50) / 21)
    error = 20 / 21 * np.sqrt(np.var([60, 40], ddof=1) / 2 * (1 - 2 / 20))
    assert mean.interval == pytest.approx((mean.value - 1.959964 * error, mean.value + 1.959964 * error))
    assert (mean.scored, mean.total) == (3, 21)


def test_one_drawn_subset_gives_no_interval() -> None:
    mean = mean_over([row("A+B+C", 60.0, 10.0)], top1)
    assert (mean.value, mean.interval) == (60.0, None)


def test_groups_by_size() -> None:
    groups = by_size([row("A+B+C", 90.0), row("A+B", 70.0), row("B+C", 80.0), row("A+C", None), row("A", None)])
    assert [group.size for group in groups] == [3, 2, 1]
    assert (groups[1].top1.value, groups[1].best.subset, groups[1].worst.subset) == (75.0, "B+C", "A+B")
    assert groups[2].best is None

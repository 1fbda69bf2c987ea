import math
from collections import Counter

import pytest

from actionmae.core.subsets import all_subsets
from actionmae.evaluation.subset_plan import fixed_subsets, plan_subsets, table_order


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_few_modalities_are_scored_in_full(size: int) -> None:
    plan = plan_subsets(size)
    assert list(plan.subsets) == all_subsets(size)
    assert not plan.sampled


@pytest.mark.parametrize("size", [8, 9, 12, 30])
def test_many_modalities_are_sampled_by_size(size: int) -> None:
    plan = plan_subsets(size)
    count = Counter(map(len, plan.subsets))
    assert plan.sampled
    for k in (1, 2, size - 1, size):
        assert count[k] == math.comb(size, k)
    for k in range(3, size - 1):
        drawn = [subset for subset in plan.subsets if len(subset) == k]
        assert len(drawn) == len(set(drawn)) == min(2 * size, math.comb(size, k))
        assert len({sum(slot in subset for subset in drawn) for slot in range(size)}) == 1  # all are treated alike
    assert set(fixed_subsets(size)) <= set(plan.subsets)
    assert plan.subsets == table_order(plan.subsets)
    assert len(plan.subsets) <= 3 * size**2
    assert plan == plan_subsets(size)


def test_the_limit_is_an_option_within_bounds() -> None:
    assert [list(fixed_subsets(size)) for size in (1, 2, 3, 4)] == [all_subsets(size) for size in (1, 2, 3, 4)]
    assert list(plan_subsets(9, all_subsets_up_to=9).subsets) == all_subsets(9)
    assert len(plan_subsets(6, all_subsets_up_to=5).subsets) == 1 + 6 + 12 + 12 + 15 + 6
    for limit in (0, 17):
        with pytest.raises(ValueError, match=f"all_subsets_up_to is {limit}: give a number of modalities between"):
            plan_subsets(3, all_subsets_up_to=limit)


def test_what_a_model_supports_is_scored_in_full() -> None:
    plan = plan_subsets(12, [(0,), (3, 4), (0, 1, 2)])
    assert plan.subsets == ((0, 1, 2), (3, 4), (0,))
    assert not plan.sampled

"""What is dropped while training: always a proper subset, with the distribution that the name promises."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from actionmae.core.dropping import drop_frames, sample_visible
from actionmae.core.subsets import all_subsets

ROUNDS = 600
POLICIES = [(per, draw) for per in ("batch", "sample") for draw in ("uniform_k", "uniform_subset")]


@st.composite
def masks(draw: st.DrawFn, *, columns: int = 5, nonempty: bool = True) -> Tensor:
    width = draw(st.integers(1, columns))
    row = st.lists(st.booleans(), min_size=width, max_size=width).filter(lambda cells: any(cells) or not nonempty)
    return torch.tensor(draw(st.lists(row, min_size=1, max_size=6)))


@pytest.mark.parametrize(("per", "draw"), POLICIES)
@given(available=masks(), seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_something_stays_visible_and_nothing_appears(per: str, draw: str, available: Tensor, seed: int) -> None:
    visible = sample_visible(available, generator=torch.Generator().manual_seed(seed), per=per, draw=draw)
    assert visible.dtype == torch.bool
    assert visible.any(dim=1).all()
    assert not (visible & ~available).any()
    again = sample_visible(available, generator=torch.Generator().manual_seed(seed), per=per, draw=draw)
    assert torch.equal(visible, again)


@given(available=masks(), seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_one_draw_for_the_batch_is_the_same_for_rows_that_have_the_same(available: Tensor, seed: int) -> None:
    twice = torch.cat([available, available])
    for draw in ("uniform_k", "uniform_subset"):
        visible = sample_visible(twice, generator=torch.Generator().manual_seed(seed), per="batch", draw=draw)
        assert torch.equal(*visible.chunk(2))


def wanted_shares(slots: list[int], draw: str) -> dict[tuple[int, ...], float]:
    """Probability of each non-empty subset of `slots`, from the words of the policy."""
    subsets = [tuple(slots[at] for at in subset) for subset in all_subsets(len(slots))]
    sizes = Counter(map(len, subsets))
    if draw == "uniform_subset":
        return dict.fromkeys(subsets, 1 / len(subsets))
    return {subset: 1 / len(slots) / sizes[len(subset)] for subset in subsets}


def check_shares(drawn: list[tuple[int, ...]], wanted: dict[tuple[int, ...], float]) -> None:
    counts = Counter(drawn)
    assert set(counts) <= set(wanted)
    chi_square = sum((counts[s] - len(drawn) * p) ** 2 / (len(drawn) * p) for s, p in wanted.items())
    # 1 − 10⁻⁴ quantile of the distribution with 6 degrees of freedom is 27.9, with 2 it is 18.4
    assert chi_square < {7: 27.9, 3: 18.4, 1: 1e-9}[len(wanted)]


@pytest.mark.parametrize(("per", "draw"), POLICIES)
def test_every_row_gets_the_named_distribution_over_what_it_has(per: str, draw: str) -> None:
    generator = torch.Generator().manual_seed(0)
    have = [[0, 1, 2], [0, 2], [1]]
    available = torch.zeros(3, 3, dtype=torch.bool)
    for row, slots in enumerate(have):
        available[row, slots] = True
    if per == "batch":
        draws = torch.stack([sample_visible(available, generator=generator, per=per, draw=draw) for _ in range(ROUNDS)])
    else:
        many = available.repeat(ROUNDS, 1)
        draws = sample_visible(many, generator=generator, per=per, draw=draw).reshape(ROUNDS, 3, 3)
    for row, slots in enumerate(have):
        drawn = [tuple(mask.nonzero().flatten().tolist()) for mask in draws[:, row]]
        check_shares(drawn, wanted_shares(slots, draw))


def test_the_two_draws_differ() -> None:
    """Otherwise the test above could not tell them apart."""
    k, subset = (wanted_shares([0, 1, 2], draw) for draw in ("uniform_k", "uniform_subset"))
    drawn = [s for s, p in k.items() for _ in range(round(ROUNDS * p))]
    with pytest.raises(AssertionError):
        check_shares(drawn, subset)


@pytest.mark.parametrize("draw", ["uniform_k", "uniform_subset"])
def test_rows_differ_only_when_drawn_per_sample(draw: str) -> None:
    available = torch.ones(64, 3, dtype=torch.bool)
    rows = {
        per: len(
            sample_visible(available, generator=torch.Generator().manual_seed(3), per=per, draw=draw).unique(dim=0)
        )
        for per in ("batch", "sample")
    }
    assert rows["batch"] == 1
    assert rows["sample"] > 4


@given(
    have=masks(columns=12, nonempty=False),
    frame_fraction=st.floats(0, 1),
    span_fraction=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None)
def test_frames_are_lost_but_never_all(have: Tensor, frame_fraction: float, span_fraction: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    kept = drop_frames(have, generator=generator, frame_fraction=frame_fraction, span_fraction=span_fraction)
    assert not (kept & ~have).any()
    assert torch.equal(kept.any(dim=1), have.any(dim=1))


def test_shares_of_zero_lose_nothing_and_shares_are_averages() -> None:
    have = torch.ones(2000, 16, dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(drop_frames(have, generator=generator), have)
    singles = drop_frames(have, generator=generator, frame_fraction=0.5)
    assert (~singles).float().mean() == pytest.approx(0.25, abs=0.02)  # the rate is uniform on 0 … 0.5
    spans = ~drop_frames(have, generator=generator, span_fraction=0.5)
    assert spans.float().mean() == pytest.approx(0.25, abs=0.02)
    starts = (spans & ~spans.roll(1, dims=1)).sum(dim=1) - (spans[:, 0] & spans[:, -1]).int()
    assert (starts <= 1).all(), "a span is one piece"
    assert spans.sum(dim=1).max() == 8

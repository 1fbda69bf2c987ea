import pytest
import torch

from actionmae.core.dropping import drop_frames, sample_visible


@pytest.mark.parametrize("fraction", [{"frame_fraction": 1.5}, {"span_fraction": -0.1}])
def test_a_fraction_out_of_range_is_refused(fraction: dict[str, float], generator: torch.Generator) -> None:
    (name, value), *_ = fraction.items()
    with pytest.raises(ValueError, match=f"{name} is {value}: give a number between 0 and 1"):
        drop_frames(torch.ones(1, 4, dtype=torch.bool), generator=generator, **fraction)


def test_the_only_randomness_is_the_generator(generator: torch.Generator) -> None:
    before = torch.get_rng_state()
    available = torch.ones(4, 3, dtype=torch.bool)
    sample_visible(available, generator=generator)
    drop_frames(available, generator=generator, frame_fraction=1.0, span_fraction=1.0)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_modality_is_never_dropped(generator: torch.Generator) -> None:
    available = torch.ones(50, 1, dtype=torch.bool)
    for draw in ("uniform_k", "uniform_subset"):
        assert sample_visible(available, generator=generator, per="sample", draw=draw).all()


def test_every_subset_of_what_a_row_has_is_drawn_equally_often(generator: torch.Generator) -> None:
    """Of 4 modalities 15 subsets, of which 3 of a row that has two; ± 5 standard deviations."""
    available = torch.tensor([[True] * 4, [False, True, True, False]]).repeat(30_000, 1)
    visible = sample_visible(available, generator=generator, per="sample", draw="uniform_subset")
    codes = (visible.long() * 2 ** torch.arange(4)).sum(dim=1)
    for first, allowed in ((0, list(range(1, 16))), (1, [2, 4, 6])):
        counts = codes[first::2].bincount(minlength=16)
        wanted = 30_000 / len(allowed)
        assert counts.nonzero().flatten().tolist() == allowed
        assert (counts[allowed] - wanted).abs().max() < 5 * wanted**0.5


def test_many_modalities_cost_no_more_than_few(generator: torch.Generator) -> None:
    """A list of all 2^40 subsets would fit no memory."""
    for per in ("batch", "sample"):
        visible = sample_visible(
            torch.ones(4000, 40, dtype=torch.bool), generator=generator, per=per, draw="uniform_subset"
        )
        assert visible.any(dim=1).all()
        assert len(visible.unique(dim=0)) == (1 if per == "batch" else 4000)
    assert visible.float().mean() == pytest.approx(0.5, abs=0.01)


def test_one_subset_for_the_batch_is_cut_to_what_each_row_has() -> None:
    """A row that misses the drawn subset gets the next one that it meets."""
    available = torch.tensor([[True, True, True], [True, True, False], [False, False, True]])
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        full, two, last = sample_visible(available, generator=generator, draw="uniform_subset")
        assert last.tolist() == [False, False, True]
        assert torch.equal(two, full & available[1]) or not (full & available[1]).any()


def test_processes_that_share_a_generator_stay_in_step() -> None:
    """However many draws the rows of one of them take."""
    states = []
    for available in (torch.ones(8, 3, dtype=torch.bool), torch.eye(3, dtype=torch.bool).repeat(50, 1)):
        generator = torch.Generator().manual_seed(0)
        sample_visible(available, generator=generator, draw="uniform_subset")
        states.append(generator.get_state())
    assert torch.equal(*states)

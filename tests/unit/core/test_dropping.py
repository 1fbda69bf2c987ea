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

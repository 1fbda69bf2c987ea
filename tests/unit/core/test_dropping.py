import pytest
import torch

from actionmae.core.dropping import drop_frames, sample_visible


@pytest.mark.parametrize("share", [{"frame_share": 1.5}, {"span_share": -0.1}])
def test_a_share_that_is_none_is_refused(share: dict[str, float], generator: torch.Generator) -> None:
    (name, value), *_ = share.items()
    with pytest.raises(ValueError, match=f"{name} is {value}: give a share between 0 and 1"):
        drop_frames(torch.ones(1, 4, dtype=torch.bool), generator=generator, **share)


def test_the_only_randomness_is_the_generator(generator: torch.Generator) -> None:
    before = torch.get_rng_state()
    available = torch.ones(4, 3, dtype=torch.bool)
    sample_visible(available, generator=generator)
    drop_frames(available, generator=generator, frame_share=1.0, span_share=1.0)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_modality_is_never_dropped(generator: torch.Generator) -> None:
    available = torch.ones(50, 1, dtype=torch.bool)
    for draw in ("uniform_k", "uniform_subset"):
        assert sample_visible(available, generator=generator, per="sample", draw=draw).all()

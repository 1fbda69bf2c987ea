import torch

from actionmae.core.seeds import derive_seed, torch_generator


def test_same_key_same_draw_and_other_key_other_draw():
    one, same, other = (torch.rand(4, generator=torch_generator(0, "drop", step)) for step in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_seeds_of_neighbouring_keys_are_distinct_and_valid():
    seeds = {derive_seed(seed, "drop", epoch, step) for seed in range(4) for epoch in range(8) for step in range(8)}
    assert len(seeds) == 4 * 8 * 8
    assert all(0 <= seed < 2**63 for seed in seeds)

"""Random draws as functions of names: no generator's state has to survive a kill.

Each draw's generator is seeded with a key that says what the draw is for, such as (seed, "drop", epoch, step): a
resumed run draws what an uninterrupted one would have drawn, on any number of workers. torch is imported only by who
asks for its generator.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(*key: object) -> int:
    """A 63-bit seed from a key such as `(seed, "drop", epoch, step)`, read as texts; other keys give other seeds."""
    digest = hashlib.blake2b(repr([str(part) for part in key]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def numpy_generator(*key: object) -> np.random.Generator:
    """A NumPy generator seeded by `derive_seed`."""
    return np.random.default_rng(derive_seed(*key))


def torch_generator(*key: object) -> "torch.Generator":
    """A CPU generator of torch seeded by `derive_seed`."""
    import torch

    return torch.Generator().manual_seed(derive_seed(*key))

"""Random draws as functions of names: no generator's state has to survive a kill.

Each draw's generator is seeded with (seed, what it is for, epoch, step, …), so a resumed run draws what an
uninterrupted one would have drawn.
"""

import hashlib

import torch


def draw_seed(*key: int | str) -> int:
    """A 63-bit seed from a key such as `(seed, "drop", epoch, batch, rank)`; other keys give unrelated seeds."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def draw_generator(*key: int | str) -> torch.Generator:
    """A CPU generator seeded by `draw_seed`."""
    return torch.Generator().manual_seed(draw_seed(*key))

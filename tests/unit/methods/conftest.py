"""Tiny networks are faster on one thread."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread(_seed: None) -> None:
    torch.set_num_threads(1)

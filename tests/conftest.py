"""Shape-checked imports, seeds, threads and the real recordings: what every test may count on."""

import os

# Before anything imports a hub client: no test goes to the network.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

# jaxtyping's shapes are checked by beartype in every function of the package, in tests only. The hook must be there
# before the package is imported, and it breaks torch.compile: tests of compiled code run a subprocess without it
# (helpers.processes), and ACTIONMAE_NO_HOOK=1 switches it off altogether.
if os.environ.get("ACTIONMAE_NO_HOOK") != "1":
    from jaxtyping import install_import_hook

    install_import_hook(["actionmae"], "beartype.beartype")

import random
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Every test starts from the same global random state and number of threads (equal counts give equal bits)."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A CPU generator with a fixed seed, for functions that take their randomness as an argument."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder with the real recordings (utd-mhad/, ntu-sample/); skips where there are none."""
    root = Path(os.environ.get("ACTIONMAE_DATA", "data")).resolve()
    if not (root / "utd-mhad").is_dir():
        pytest.skip(
            f"no real recordings in {root}: set ACTIONMAE_DATA to the folder that holds utd-mhad/ and ntu-sample/"
        )
    return root

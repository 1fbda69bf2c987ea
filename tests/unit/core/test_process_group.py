import os

import pytest

from actionmae.core.process_group import forget_other_launchers, is_first_process, launcher

VARIABLES = (
    "RANK",
    "LOCAL_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "SLURM_PROCID",
    "SLURM_NTASKS",
    "SLURM_STEP_NUM_TASKS",
    "TORCHELASTIC_RUN_ID",
)


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("size", "variables", "first"),
    [
        (2, "RANK=0 LOCAL_RANK=0 WORLD_SIZE=2", True),  # torchrun
        (2, "RANK=1 LOCAL_RANK=1 WORLD_SIZE=2", False),
        (4, "RANK=2 LOCAL_RANK=0 WORLD_SIZE=4", False),  # the first of the second machine
        (4, "NODE_RANK=0 LOCAL_RANK=3 WORLD_SIZE=4", False),  # Lightning's own launcher
        (4, "NODE_RANK=1 LOCAL_RANK=0 WORLD_SIZE=4", False),
        (3, "SLURM_PROCID=2 SLURM_NTASKS=3 SLURM_STEP_NUM_TASKS=3", False),
        (3, "SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=3", True),
        (None, "RANK=1 WORLD_SIZE=8", False),
        (None, "SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2", False),
    ],
)
def test_a_group_of_the_size_that_was_asked_for_is_believed(
    monkeypatch: pytest.MonkeyPatch, size: int | None, variables: str, first: bool
) -> None:
    given = dict(each.split("=") for each in variables.split())
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert is_first_process(size) is first
    assert launcher(size) is not None
    forget_other_launchers(size)
    assert {name: os.environ.get(name) for name in given} == given


@pytest.mark.parametrize(
    ("size", "variables"),
    [
        (1, "RANK=1"),
        (1, "LOCAL_RANK=1"),
        (1, "SLURM_PROCID=3 SLURM_NTASKS=4"),
        (1, "RANK=1 LOCAL_RANK=1 WORLD_SIZE=2 TORCHELASTIC_RUN_ID=x"),
        (1, "RANK=0 WORLD_SIZE=1"),
        (2, "RANK=x LOCAL_RANK=1"),
        (2, "SLURM_PROCID=1 SLURM_NTASKS=4"),
        (2, "SLURM_PROCID=0 SLURM_NTASKS=1"),
        (2, "SLURM_PROCID=0 SLURM_NTASKS=2"),  # a batch script without srun
        (2, "SLURM_STEP_NUM_TASKS=2"),
        (2, "WORLD_SIZE=2"),
        (None, "RANK=0 WORLD_SIZE=1"),
    ],
)
def test_another_group_is_forgotten(monkeypatch: pytest.MonkeyPatch, size: int | None, variables: str) -> None:
    for each in variables.split():
        monkeypatch.setenv(*each.split("="))
    assert launcher(size) is None
    assert is_first_process(size)
    forget_other_launchers(size)
    assert not any(name in os.environ for name in VARIABLES), "Lightning would believe them"

"""Which of several training processes this one is, as torchrun, SLURM or Lightning's own launcher say. No torch.

Their variables are believed only where they describe a group of the size that was asked for; a shell that was opened
inside a job, or by another program's launcher, has them as well.
"""

import os

_LAUNCHERS = {"WORLD_SIZE": ("RANK", "NODE_RANK", "LOCAL_RANK"), "SLURM_STEP_NUM_TASKS": ("SLURM_PROCID",)}
"""By the variable that says how many processes there are: the numbers of this one, all "0" in the first.

SLURM_NTASKS would not do: a batch script has it, too, before srun has started anything.
"""

_OTHERS = (
    "SLURM_NTASKS",
    "LOCAL_WORLD_SIZE",
    "GROUP_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
    "TORCHELASTIC_RUN_ID",
    "JSM_NAMESPACE_RANK",
)


def launcher(size: int | None) -> str | None:
    """The variable of a launcher that has started `size` processes, this one among them; None = nobody has.

    Args:
        size: Processes that were asked for; None = more than one.
    """
    for name, ranks in _LAUNCHERS.items():
        told = os.environ.get(name, "") if any(rank in os.environ for rank in ranks) else ""
        if size != 1 and told.isdigit() and (int(told) == size or (size is None and int(told) > 1)):
            return name
    return None


def is_first_process(size: int | None) -> bool:
    """Whether this is the only or the first of the processes that were asked for, as they begin.

    Lightning forgets how many they are when a training ends: ask before it begins.

    Args:
        size: Processes that were asked for; None = more than one.
    """
    started_by = launcher(size)
    return started_by is None or all(os.environ.get(name, "0") == "0" for name in _LAUNCHERS[started_by])


def forget_other_launchers(size: int | None) -> None:
    """Remove from the environment what another group's launcher has left there: Lightning would believe it.

    Args:
        size: Processes that were asked for; None = more than one.
    """
    if launcher(size) is not None:
        return
    for name, ranks in _LAUNCHERS.items():
        for each in (name, *ranks):
            os.environ.pop(each, None)
    for name in _OTHERS:
        os.environ.pop(name, None)

"""How many processes one machine can be asked for. No torch."""

import os

_MOST_PER_CORE, _FEW_CORES = 16, 4


def check_processes(name: str, count: int) -> None:
    """Refuse a number of processes under which this machine would only come to a standstill.

    Args:
        name: The setting, for the message.
        count: Its value.

    Raises:
        ValueError: Above 16 for each core, and above 64.
    """
    cores = os.cpu_count() or 1
    most = _MOST_PER_CORE * max(cores, _FEW_CORES)
    if count > most:
        raise ValueError(f"{name} is {count}: this machine has {cores} cores, give at most {most}")

"""The words for devices: auto, cpu, cuda, cuda:1 (the second GPU), mps. torch is imported by whoever picks one."""

import re
from typing import TYPE_CHECKING

from actionmae.core.process_limit import check_processes

if TYPE_CHECKING:
    import torch

_WORDS = re.compile(r"auto|cpu|cuda(:\d+)?|mps")


def check_device(device: str, num_devices: int = 1) -> None:
    """Refuse a word that names no device, several processes on a single GPU, and more than this machine can bear.

    Args:
        device: The word.
        num_devices: Processes, each with a device of its own; -1 = one for each GPU.

    Raises:
        ValueError: In one sentence.
    """
    if not _WORDS.fullmatch(device):
        raise ValueError(f"device is {device!r}: choose auto, cpu, cuda, cuda:1 (the second GPU) or mps")
    if num_devices < 1 and num_devices != -1:
        raise ValueError(f"num_devices is {num_devices}: give at least 1, or -1 for all GPUs")
    check_processes("num_devices", num_devices)
    if num_devices != 1 and ":" in device:
        raise ValueError(f"device is {device} but num_devices is {num_devices}: give cuda, or 1 device")


def pick_device(device: str, index: int = 0) -> "torch.device":
    """The device of one process; auto is the best that there is: cuda, else mps, else cpu.

    Args:
        device: One of the words.
        index: Which of several processes this is; each takes a GPU of its own, in turn.

    Raises:
        ValueError: If this machine has no such device.
    """
    import torch

    check_device(device)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        device = "cuda" if gpus else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda" and not gpus:
        raise ValueError(f"device is {device!r} but torch finds no GPU: choose cpu, or install a CUDA build of torch")
    if number and int(number) >= gpus:
        raise ValueError(f"device is {device!r} but this machine has {gpus} GPUs: choose cuda:0 to cuda:{gpus - 1}")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device is 'mps' but torch finds none: choose cpu")
    return torch.device(kind, int(number) if number else index % gpus) if kind == "cuda" else torch.device(kind)

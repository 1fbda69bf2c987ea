from dataclasses import replace
from pathlib import Path

import pytest
from torch.multiprocessing.spawn import ProcessRaisedException

from actionmae.training.config import DataConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.fit import trainer_options, what_stopped
from actionmae.training.settings import TrainSettings

ONE = TrainSettings(data=DataConfig(manifest=Path("m.csv")))
TWO = replace(ONE, num_devices=2)
PEER = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:52378. GLHF!")


def test_the_end_of_another_process_is_one_sentence() -> None:
    told = what_stopped(PEER, TWO)
    assert isinstance(told, ChildProcessError)
    assert str(told) == "another of the training processes has ended: it says why itself"


@pytest.mark.parametrize("kind", [ValueError, FileNotFoundError])
@pytest.mark.parametrize("reader", ["", "Caught {0} in DataLoader worker process 0.\nOriginal Traceback:\n{0}: "])
def test_a_broken_clip_in_a_spawned_process_is_one_sentence(kind: type[Exception], reader: str) -> None:
    """Such a process sends its error as text, and so does a process that reads clips for it."""
    text = f"{kind.__name__}: {reader.format(kind.__name__)}clip3.npy cannot be read: copy it again\n"
    sent = (
        f"\n\n-- Process 1 terminated with the following error:\nTraceback (most recent call last):\n  File x\n{text}"
    )
    told = what_stopped(ProcessRaisedException(sent, 1, 4711), TWO)
    assert (type(told), str(told)) == (kind, "clip3.npy cannot be read: copy it again")


@pytest.mark.parametrize(
    ("error", "settings"),
    [(PEER, ONE), (RuntimeError("out of memory"), TWO), (SystemExit(1), ONE)],
)
def test_other_errors_stay_what_they_are(error: BaseException, settings: TrainSettings) -> None:
    assert what_stopped(error, settings) is error


def test_several_processes_look_for_unused_parameters() -> None:
    assert trainer_options(ONE)["strategy"] == "auto"
    assert trainer_options(TWO)["strategy"] == "ddp_find_unused_parameters_true"
    machines = replace(ONE, engine=EngineConfig(num_nodes=2))
    assert trainer_options(machines)["strategy"] == "ddp_find_unused_parameters_true"


@pytest.mark.parametrize(
    ("device", "accelerator", "devices"), [("auto", "auto", 1), ("cuda", "cuda", 1), ("cuda:1", "cuda", [1])]
)
def test_a_device_in_lightnings_words(device: str, accelerator: str, devices: int | list[int]) -> None:
    options = trainer_options(replace(ONE, device=device))
    assert (options["accelerator"], options["devices"]) == (accelerator, devices)

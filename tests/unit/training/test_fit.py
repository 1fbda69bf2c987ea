from dataclasses import replace
from pathlib import Path

import pytest

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

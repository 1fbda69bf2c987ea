import pytest

from actionmae.training.engine import EngineConfig
from actionmae.training.fit import what_stopped

PEER = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:52378. GLHF!")


def test_the_end_of_another_process_is_one_sentence() -> None:
    told = what_stopped(PEER, EngineConfig(devices=2))
    assert isinstance(told, ChildProcessError)
    assert str(told) == "another of the training processes has ended: it says why itself"


@pytest.mark.parametrize(
    ("error", "engine"),
    [(PEER, EngineConfig()), (RuntimeError("out of memory"), EngineConfig(devices=2)), (SystemExit(1), EngineConfig())],
)
def test_other_errors_stay_what_they_are(error: BaseException, engine: EngineConfig) -> None:
    assert what_stopped(error, engine) is error

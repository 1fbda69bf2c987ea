"""Worker processes: results in order, one sentence when they fail, and none outlives its parent."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import pytest

from actionmae.data.processes import run_in_processes
from helpers.processes import ROOT

RENDER = (
    "import sys; from actionmae.synthetic import render_dataset\n"
    "def tell(done, total): print(done, flush=True)\n"
    "render_dataset(sys.argv[1], num_frames=40, workers=2, progress=tell)\n"
)
PREPARE = (
    "import os, sys, time; from actionmae.data.processes import run_in_processes\n"
    "def work(item):\n    print(item, flush=True)\n    time.sleep(60)\n"
    "list(run_in_processes(work, [0, 1, 2, 3], 2))\n"
)


def _session(leader: int) -> list[str]:
    """Names of the processes of a session that still run."""
    running = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text().partition(") ")
        except OSError:  # it has just ended
            continue
        state, _, _, session = rest.split()[:4]
        if session == str(leader) and state != "Z":
            running.append(name)
    return running


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("code", [RENDER, PREPARE], ids=["spawned", "forked"])
def test_workers_end_with_a_killed_parent(tmp_path: Path, code: str, kill: signal.Signals) -> None:
    script = tmp_path / "job.py"
    script.write_text("if __name__ == '__main__':\n    " + code.replace("\n", "\n    "))
    running = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "ACTIONMAE_NO_HOOK": "1"},
    )
    assert running.stdout is not None
    assert running.stdout.readline(), "work has begun"
    assert len(_session(running.pid)) >= 3
    running.send_signal(kill)
    assert running.wait() == -kill
    deadline = time.monotonic() + 10
    while _session(running.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    left = _session(running.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    assert not left


def _die(item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


@pytest.mark.parametrize("start", [None, "spawn"])
def test_a_killed_worker_is_one_sentence(start: Literal["spawn"] | None) -> None:
    with pytest.raises(ChildProcessError, match=r"a worker process was killed, .*: run again with fewer workers"):
        list(run_in_processes(_die, [1, 2], 2, start=start))


def test_processes_that_cannot_start_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("multiprocessing.synchronize.SemLock.__init__", refuse)
    with pytest.raises(ChildProcessError, match=r"2 processes cannot be started \(No space left on device; .*/dev/shm"):
        list(run_in_processes(abs, [1, 2], 2))


def test_results_come_in_order_and_closing_stops() -> None:
    assert list(run_in_processes(abs, [-3, 1, -2], 2)) == [(-3, 3), (1, 1), (-2, 2)]
    results = run_in_processes(abs, [-3, 1, -2], 1)
    assert next(results) == (-3, 3)
    results.close()


def test_more_processes_than_the_machine_bears_are_refused() -> None:
    with pytest.raises(ValueError, match="workers is 1000000: this machine has"):
        next(run_in_processes(abs, range(10**6), 10**6))

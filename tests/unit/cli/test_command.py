import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from actionmae.cli import command, main
from actionmae.cli.command import _Stderr
from helpers.processes import run_python


def test_log_lines_go_where_stderr_is_now(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A progress bar replaces stderr, so that lines appear above it."""
    handler = _Stderr()
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "hello", None, None)
    handler.emit(record)
    assert capsys.readouterr().err == "hello\n"
    monkeypatch.setattr(sys, "stderr", sys.stdout)
    handler.emit(record)
    assert capsys.readouterr().out == "hello\n"


def test_a_rank_that_another_program_left_silences_nobody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def report() -> None:
        """Say something."""
        print("done")

    monkeypatch.setitem(command.VERBS, "report", report)
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.setenv(name, "1")
    assert main(["report"]) == 0
    assert capsys.readouterr().out == "done\n"


def test_an_interrupted_verb_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def report() -> None:
        """Be interrupted."""
        raise KeyboardInterrupt

    monkeypatch.setitem(command.VERBS, "report", report)
    assert main(["report"]) == 130
    assert capsys.readouterr().err == "actionmae report: interrupted\n"


def test_a_killed_worker_is_one_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def report() -> None:
        """Lose a worker."""
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")

    monkeypatch.setitem(command.VERBS, "report", report)
    assert main(["report"]) == 2
    assert capsys.readouterr().err == (
        "actionmae report: a process that reads clips has ended (DataLoader worker (pid 7) is killed by signal: "
        "Killed), perhaps for want of memory: use fewer num_workers or a smaller batch_size\n"
    )


def test_sigterm_is_told_from_success(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare() -> None:
        """Be terminated."""
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(command.VERBS, "prepare", prepare)
    assert main(["prepare"]) == 143
    assert capsys.readouterr().err == "actionmae prepare: terminated: the same command goes on where it stopped\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_forked_process_ends_by_the_signal_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int | None] = []

    def report() -> None:
        """Fork."""
        context = multiprocessing.get_context("fork")
        begun = context.Event()
        child = context.Process(target=lambda: begun.set() or time.sleep(60))
        child.start()
        begun.wait(60)
        child.terminate()
        child.join()
        codes.append(child.exitcode)

    monkeypatch.setitem(command.VERBS, "report", report)
    assert main(["report"]) == 0
    assert codes == [-signal.SIGTERM]


def test_a_terminal_without_the_character_gets_a_question_mark() -> None:
    code = (
        "from actionmae.cli import command\n"
        "def report():\n"
        "    'Say a Greek letter.'\n"
        "    print('mean Δ 3')\n"
        "command.VERBS['report'] = report\n"
        "assert command.main(['report']) == 0"
    )
    assert run_python(code, env={"PYTHONIOENCODING": "ascii"}) == "mean ? 3\n"


@pytest.mark.parametrize(
    ("given", "wanted"), [({}, "2000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")]
)
def test_idle_threads_soon_sleep_unless_told_otherwise(
    given: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    code = (
        "import os\n"
        "from actionmae.cli import command\n"
        "def report():\n"
        "    'Load OpenMP.'\n"
        "    import torch\n"
        "    print(os.environ.get('GOMP_SPINCOUNT'))\n"
        "command.VERBS['report'] = report\n"
        "command.main(['report'])"
    )
    assert run_python(code, env=given).split() == [wanted]


def test_an_output_that_nobody_reads_is_no_error() -> None:
    words = [sys.executable, "-m", "actionmae.cli", "reproduce", "--list"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141
    process.stderr.close()

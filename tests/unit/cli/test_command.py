import logging
import sys

import pytest

from actionmae.cli import command, main
from actionmae.cli.command import _Stderr


def test_log_lines_go_where_stderr_is_now(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A progress bar replaces stderr, so that lines appear above it."""
    handler = _Stderr()
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "hello", None, None)
    handler.emit(record)
    assert capsys.readouterr().err == "hello\n"
    monkeypatch.setattr(sys, "stderr", sys.stdout)
    handler.emit(record)
    assert capsys.readouterr().out == "hello\n"


def test_one_of_several_processes_speaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def report() -> None:
        """Say something."""
        print("done")

    monkeypatch.setitem(command.VERBS, "report", report)
    assert main(["report"]) == 0
    assert capsys.readouterr().out == "done\n"
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(["report"]) == 0
    assert capsys.readouterr().out == ""


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

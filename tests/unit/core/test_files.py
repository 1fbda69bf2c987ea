"""Whole files, and locks that end with their process."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from actionmae.core.files import atomic_write, exclusive, require_writable, write_text


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_text(path, "old")

    def write_half() -> None:
        with atomic_write(path) as unfinished:
            unfinished.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["file.txt"]


def test_what_can_be_written_is_told_without_a_trace(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "folder" / "file.txt")
    (tmp_path / "file.txt").write_text("old")
    require_writable(tmp_path / "file.txt")
    assert (tmp_path / "file.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["file/x", "file/deeper/x", "folder"])
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=rf"{name} cannot be written \(.* a directory\): choose another place"):
        require_writable(tmp_path / name)


def test_a_lock_is_held_once_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.lock"
    with exclusive(path, "busy"):
        with pytest.raises(ValueError, match=r"^the folder is in use$"), exclusive(path, "the folder is in use"):
            pass
        with exclusive(tmp_path / "y.lock", "busy"):
            pass
    with exclusive(path, "busy"):
        pass


def test_a_lock_ends_with_its_process_though_its_children_live_on(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from actionmae.core.files import exclusive\n"
        "with exclusive(Path(sys.argv[1]), 'busy'):\n"
        "    child = os.fork()\n"
        "    os.write(1, b'%d\\n' % child)\n"
        "    time.sleep(60)"
    )
    path = tmp_path / "x.lock"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    child = max(int(holder.stdout.readline()) for _ in range(2))  # both run: the child itself prints 0
    with pytest.raises(ValueError, match="in use"), exclusive(path, "in use"):
        pass
    holder.kill()
    holder.wait()
    try:
        with exclusive(path, "in use"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_grants_every_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(lock: FileLock) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(FileLock, "_acquire", refuse)
    with exclusive(tmp_path / "x.lock", "busy"), exclusive(tmp_path / "x.lock", "busy"):
        pass


def test_other_errors_of_a_lock_are_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(lock: FileLock) -> None:
        raise OSError(errno.EROFS, "read-only file system")

    monkeypatch.setattr(FileLock, "_acquire", refuse)
    with pytest.raises(OSError, match="read-only file system"), exclusive(tmp_path / "x.lock", "busy"):
        pass

"""Files appear whole or not at all, and two processes never write the same ones. No torch."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""How file systems that know no locks answer."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give an unfinished name beside `path` to write to; it replaces `path` when the block ends without an error.

    A kill leaves the old file, or none, and perhaps the unfinished one, whose name ends in ".tmp".

    Args:
        path: Its folder exists, or is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text."""
    with atomic_write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def require_writable(path: Path) -> None:
    """Find out before long work whether its result can be written; nothing is left behind.

    Args:
        path: The file to be written; folders that lack would be made.

    Raises:
        ValueError: If it cannot.
    """
    place = next(each for each in path.absolute().parents if each.exists())
    probe = place / f".{path.name}.{os.getpid()}.tmp"
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}): choose another place") from error


@contextmanager
def exclusive(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock while the block runs; the system releases it when the process ends, however it ends.

    On a file system that knows no locks every request is granted.

    Args:
        path: The lock file; it is made, with its folder, and stays.
        busy: What to say when another process holds the lock, in one sentence.

    Raises:
        ValueError: With that sentence; nothing is waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, blocking=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(busy) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    try:
        yield
    finally:
        lock.release()

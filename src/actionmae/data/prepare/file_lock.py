"""A lock that ends with the process, so that a kill leaves nothing to clean up. No torch."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import IO, Any

_PATIENCE = 2.0  # seconds; the worker processes of a killed run hold its lock for a moment longer


class FileLock:
    """Exclusive use of an open file; where the system or file system knows no locks, every request is granted.

    Args:
        file: Open for writing.
    """

    def __init__(self, file: IO[Any]) -> None:
        self._file = file

    def acquire(self) -> bool:
        """Whether this is the only holder now."""
        until = time.monotonic() + _PATIENCE
        while not _try(self._file):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def release(self) -> None:
        """Let others go on, also where a child process still has the file open."""
        if sys.platform != "win32" and not self._file.closed:
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_UN)
            except OSError:
                return


def is_locked(path: Path) -> bool:
    """Whether another run holds the lock of a file."""
    with path.open("a") as file:
        lock = FileLock(file)
        free = lock.acquire()
        if free:
            lock.release()
    return not free


def _try(file: IO[Any]) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # as some network file systems answer
        return True
    return True

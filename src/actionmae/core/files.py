"""Files appear whole or not at all: written beside under another name, then renamed into place. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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

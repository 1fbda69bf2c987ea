"""Only regular files of a bounded size are opened: a pipe would wait for ever, a device never ends. No torch."""

from __future__ import annotations

import stat
from pathlib import Path

MOST_BYTES = 1 << 32
"""What one recording may take in memory (4 GiB), whatever its header says."""


def require_regular(path: Path, *, most_bytes: int | None = None) -> int:
    """Refuse what is no regular file, or too large to be read into memory.

    Args:
        path: The file, or a link to it.
        most_bytes: Its size may be this; None = any.

    Returns:
        Its size in bytes.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is a folder, a pipe, a device or a socket, or larger than `most_bytes`.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist: check its name") from None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is no regular file: folders, pipes and devices are not read")
    if most_bytes is not None and found.st_size > most_bytes:
        raise ValueError(f"{path} has {found.st_size:,} bytes: {most_bytes:,} at most are read, cut or convert it")
    return found.st_size

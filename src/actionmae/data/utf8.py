"""Text files that people and their programs write: UTF-8, with or without a byte order mark. No torch."""

from __future__ import annotations

from pathlib import Path

from actionmae.data.regular_file import require_regular

_MOST_BYTES = 1 << 28


def read_utf8(path: Path) -> str:
    """The text of an existing file, its line ends as they are.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no regular file, has more than 256 MiB, or is in another encoding (older spreadsheets, some
            shells' redirections).
    """
    require_regular(path, most_bytes=_MOST_BYTES)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text (byte {error.start}): save it again as UTF-8") from error

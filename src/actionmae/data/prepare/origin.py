"""What a prepared file was made of, so that another recording, or other frames of one, are noticed later. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from actionmae.data.cell import Cell

_Stamp = tuple[int, int]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """One recording as it was or is.

    Attributes:
        cell: As a manifest beside the raw recordings names it, so that they may move together.
        stamps: Bytes (of a folder 0) and second of the last change of each of its files and folders; None = not there.
    """

    cell: str
    stamps: tuple[_Stamp | None, ...]

    def is_still(self, now: Origin) -> bool:
        """Whether the recording is the same now; what is gone has not changed."""
        if self.cell != now.cell or len(self.stamps) != len(now.stamps):
            return False
        return all(new is None or new == old for old, new in zip(self.stamps, now.stamps, strict=True))


def find_origin(cell: Cell, sources: Iterable[Path], base: Path) -> Origin:
    """What a recording is now.

    Args:
        cell: The recording.
        sources: Its files and folders, and what else its prepared form depends on.
        base: The folder of the raw recordings.
    """
    return Origin(cell=cell.resolved().text(base.resolve()), stamps=tuple(map(_stamp, sources)))


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return 0 if path.is_dir() else found.st_size, int(found.st_mtime)

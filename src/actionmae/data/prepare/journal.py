"""What earlier preparations have made, and of what: one line of JSON per clip, one file per shard. No torch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from actionmae.core.files import exclusive
from actionmae.data.cell import Cell
from actionmae.data.cell_text import parse_cell
from actionmae.data.prepare.origin import Origin

Files = dict[str, Cell]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A prepared clip.

    Attributes:
        files: Its manifest cells.
        moment: Seconds since 1970; its raw recordings were read later than that.
        origins: What its recordings were then, by modality; earlier versions did not note it.
        whole: Whether it had no problem, so that it is finished.
    """

    files: Files
    moment: float
    origins: Mapping[str, Origin]
    whole: bool


class _Line(msgspec.Struct, kw_only=True):
    """An entry as it is written: cells are relative to the output folder."""

    sample: str
    files: dict[str, str]
    moment: float
    origins: dict[str, Origin] = {}
    whole: bool = True


class Journal:
    """The prepared clips of an output folder; used in a `with` block.

    A line is written when all files of a clip are; a kill loses at most the line being written. As long as it is open,
    no other run may work on the same clips.

    Args:
        folder: `progress/` of the output folder.
        shard: This run's part, as (1, 4); its lines go into a file of its own, all files are read.

    Raises:
        ValueError: If another run is working on some of these clips.
    """

    def __init__(self, folder: Path, shard: tuple[int, int]) -> None:
        part = f"{shard[0]}-of-{shard[1]}"
        with ExitStack() as held:
            held.enter_context(_lock(folder, part))
            for other in folder.glob("*.lock"):
                if other.stem.partition("-of-")[2] != str(shard[1]):
                    with _lock(folder, other.stem):
                        pass
            self._file = held.enter_context((folder / f"{part}.jsonl").open("a", encoding="utf-8"))
            self._held = held.pop_all()
        self._base = folder.parent.resolve()
        self._moment = time.time()
        self._noted: dict[str, Entry] = {}
        for known in sorted(folder.glob("*.jsonl")):
            for line in known.read_bytes().split(b"\n"):
                self._take(line)
        self._file.write("\n")  # in case a kill has cut off the last line

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def find(self, sample: str) -> Entry | None:
        """What is noted of a clip, or None; whether that is still true is not checked."""
        return self._noted.get(sample)

    def add(self, sample: str, files: Files, origins: Mapping[str, Origin], *, whole: bool = True) -> None:
        """Note a prepared clip; see `Entry`."""
        cells = {name: cell.resolved().text(self._base) for name, cell in files.items()}
        line = _Line(sample=sample, files=cells, moment=self._moment, origins=dict(origins), whole=whole)
        self._file.write(msgspec.json.encode(line).decode() + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; others may go on."""
        self._held.close()

    def _take(self, line: bytes) -> None:
        """Take one line; one that is cut off, damaged or edited is ignored, so that its clip is done again."""
        try:
            noted = msgspec.json.decode(line, type=_Line)
            files = {name: parse_cell(cell, self._base) for name, cell in noted.files.items()}
        except ValueError:
            return
        old = self._noted.get(noted.sample)
        if old is None or noted.moment >= old.moment:  # the merge may have done a shard's clip again
            entry = Entry(files=files, moment=noted.moment, origins=noted.origins, whole=noted.whole)
            self._noted[noted.sample] = entry


def _lock(folder: Path, part: str) -> AbstractContextManager[None]:
    busy = (
        f"another run is preparing part {part} into {folder.parent}: wait until it ends, or give other shards of the "
        "same number"
    )
    return exclusive(folder / f"{part}.lock", busy)

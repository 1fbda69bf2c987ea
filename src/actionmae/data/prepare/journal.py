"""What an interrupted preparation has finished: one line of JSON per clip, one file per shard. No torch."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from actionmae.core.files import exclusive
from actionmae.data.cell import Cell

Files = dict[str, Cell]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A finished clip.

    Attributes:
        files: Its manifest cells.
        moment: Seconds since 1970; its raw recordings were read later than that.
    """

    files: Files
    moment: float


class Journal:
    """The finished clips of an output folder; used in a `with` block.

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
        self._done: dict[str, Entry] = {}
        for known in sorted(folder.glob("*.jsonl")):
            for line in known.read_text(encoding="utf-8").splitlines():
                self._take(line)
        self._file.write("\n")  # ends a line that a kill cut off

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def finished(self, sample: str) -> Entry | None:
        """What is noted of a clip, or None; whether it still holds is not looked at."""
        return self._done.get(sample)

    def add(self, sample: str, files: Files) -> None:
        """Note a finished clip."""
        cells = {name: cell.resolved().text(self._base) for name, cell in files.items()}
        entry = {"sample": sample, "files": cells, "moment": self._moment}
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; others may go on."""
        self._held.close()

    def _take(self, line: str) -> None:
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            return
        files = {name: Cell.parse(cell, self._base) for name, cell in entry["files"].items()}
        old = self._done.get(entry["sample"])
        moment = float(entry.get("moment", 0))
        if old is None or moment >= old.moment:  # the merge may have done a shard's clip again
            self._done[entry["sample"]] = Entry(files=files, moment=moment)


def _lock(folder: Path, part: str) -> AbstractContextManager[None]:
    busy = (
        f"another run is preparing part {part} into {folder.parent}: wait until it ends, or give other shards of the "
        "same number"
    )
    return exclusive(folder / f"{part}.lock", busy)


def require_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings that decide the files' content, or compare them with those of an earlier run.

    Several shards may do this at once: one of them writes, all compare.

    Raises:
        ValueError: If the earlier run had others.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.urandom(4).hex()}.tmp")
        unfinished.write_text(json.dumps(dict(settings), indent=1) + "\n", encoding="utf-8")
        try:
            os.link(unfinished, path)  # unlike a renaming it never replaces what another shard has just written
        except FileExistsError:
            pass
        except OSError:  # this file system has no links
            unfinished.replace(path)
        unfinished.unlink(missing_ok=True)
    before = json.loads(path.read_text(encoding="utf-8"))
    for name, value in settings.items():
        if before.get(name, value) != value:
            raise ValueError(
                f"{path.parent} was prepared with {name} {before[name]}, not {value}: give the same, or another out "
                "folder"
            )

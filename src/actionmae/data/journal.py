"""What an interrupted preparation has finished: one line of JSON per clip, one file per shard. No torch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actionmae.data.manifest import atomic

Files = dict[str, Path]


class Journal:
    """The finished clips of an output folder.

    A line is written when all files of a clip are; a kill loses at most the line being written.

    Args:
        folder: `progress/` of the output folder.
        shard: This run's part, as (1, 4); its lines go into a file of its own, all files are read.
    """

    def __init__(self, folder: Path, shard: tuple[int, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._done: dict[str, Files] = {}
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                self._take(line, folder.parent)
        self._base = folder.parent
        self._file = (folder / f"{shard[0]}-of-{shard[1]}.jsonl").open("a", encoding="utf-8")
        self._file.write("\n")  # ends a line that a kill cut off

    def finished(self, sample: str) -> Files | None:
        """The clip's files, or None if it is not finished or one of the files that were written is gone."""
        return self._done.get(sample)

    def add(self, sample: str, files: Files) -> None:
        """Note a finished clip."""
        cells = {name: os.path.relpath(path, self._base) for name, path in files.items()}
        self._file.write(json.dumps({"sample": sample, "files": cells}, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _take(self, line: str, base: Path) -> None:
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            return
        self._done[entry["sample"]] = {
            name: Path(os.path.normpath(base / cell)) for name, cell in entry["files"].items()
        }


def require_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings that decide the files' content, or compare them with those of an earlier run.

    Raises:
        ValueError: If the earlier run had others.
    """
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        for name, value in settings.items():
            if before.get(name) != value:
                raise ValueError(
                    f"{path.parent} was prepared with {name} {before.get(name)}, not {value}: give the same, or "
                    "another out folder"
                )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic(path).write_text(json.dumps(dict(settings), indent=1) + "\n", encoding="utf-8")
    atomic(path).replace(path)

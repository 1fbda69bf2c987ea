"""What one cell of a manifest names: a recording, and which of its frames were taken when. No torch.

`cell_text` reads what is written here.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Seconds per unit of a clock."""

Runs = tuple[tuple[int, int], ...]
"""First and last of each run of numbers: rising, and with gaps between them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clock:
    """When the frames of a whole recording were taken, on the clip's clock: told by a table, or by start and fps.

    Attributes:
        log: A text that holds the times, or None.
        column: Of the log, or without one of the recording, which is a table; empty = the log's only column of times.
        unit: Of these times, one of `UNITS`; empty = as the table's header says, else seconds.
        start: Seconds from the clip's zero to the first frame; without `log` and `column`.
        fps: Frames per second, or None = the recording's own; without `log` and `column`.
    """

    log: Path | None = None
    column: str = ""
    unit: str = ""
    start: float = 0.0
    fps: float | None = None


@dataclasses.dataclass(frozen=True)
class Cell:
    """One recording.

    Attributes:
        path: What must exist: a file, or a folder of files.
        pattern: Which of the folder's files, as in `*_rgb.jpg`; empty = all.
        columns: Of a table, names, or numbers (from 0) and runs of them (`1-3`); empty = all but that of the times.
        frames: Numbers of the chosen frames; empty = all.
        window: (start, end) seconds, which are the clip; None = from the first frame to the last.
        clock: None = spread evenly over the clip.
    """

    path: Path
    _: dataclasses.KW_ONLY
    pattern: str = ""
    columns: tuple[str, ...] = ()
    frames: Runs = ()
    window: tuple[float, float] | None = None
    clock: Clock | None = None

    @property
    def sources(self) -> tuple[Path, ...]:
        """What must exist: the file or folder, and the log if there is one."""
        return (self.path,) if self.clock is None or self.clock.log is None else (self.path, self.clock.log)

    @property
    def missing(self) -> tuple[Path, ...]:
        """The sources that do not exist."""
        return tuple(path for path in self.sources if not os.path.exists(path))  # noqa: PTH110  # Path's raises for long names

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.path if self.pattern else self.path.parent

    def text(self, base: Path | None = None) -> str:
        """The cell as it is written into a manifest.

        Args:
            base: Folder to which paths are made relative; None = they stay as they are.
        """
        place = self.path if base is None else Path(os.path.relpath(self.path, base))
        columns = f"[{','.join(self.columns)}]" if self.columns else ""
        choice = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.frames)
        if self.window is not None:
            choice = "-".join(f"{_plain(end)}s" for end in self.window)
        return f"{(place / self.pattern).as_posix()}{columns}{'#' if choice else ''}{choice}{self._clock_text()}"

    def __str__(self) -> str:
        return self.text()

    @property
    def name(self) -> str:
        """The text without the folder of the recording."""
        return self.text(self.folder)

    def resolved(self) -> Cell:
        """With the real, absolute folders; a file that is itself a link keeps its name, which tells its form."""
        clock = self.clock
        if clock is not None and clock.log is not None:
            clock = dataclasses.replace(clock, log=_real(clock.log))
        return dataclasses.replace(self, path=_real(self.path), clock=clock)

    def chooses(self, number: int | None) -> bool:
        """Whether the frame of this number is among the chosen ones; None = it has no number."""
        return number is not None and any(first <= number <= last for first, last in self.frames)

    def with_frames(self, numbers: Iterable[int]) -> Cell:
        """With only the frames of these numbers, at least one."""
        return dataclasses.replace(self, frames=joined((number, number) for number in numbers))

    def _clock_text(self) -> str:
        clock = self.clock
        if clock is None:
            return ""
        unit = f":{clock.unit}" if clock.unit else ""
        if clock.log is not None:
            column = f"[{clock.column}]" if clock.column else ""
            return f"@{Path(os.path.relpath(clock.log, self.folder)).as_posix()}{column}{unit}"
        if clock.column:
            return f"@{clock.column}{unit}"
        spoken = [f"{_plain(clock.start)}s"] if clock.start or clock.fps is None else []
        return "@" + "+".join(spoken if clock.fps is None else [*spoken, f"{_plain(clock.fps)}fps"])


def joined(runs: Iterable[tuple[int, int]]) -> Runs:
    """In order, those that overlap or touch made one."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if out and first <= out[-1][1] + 1:
            out[-1] = out[-1][0], max(last, out[-1][1])
        else:
            out.append((first, last))
    return tuple(out)


def _real(path: Path) -> Path:
    return path.parent.resolve() / path.name


def _plain(number: float) -> str:
    """Without an exponent, and so that it reads back."""
    return format(Decimal(repr(number)), "f").removesuffix(".0")

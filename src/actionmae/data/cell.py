"""What one cell of a manifest names: a recording, and which of its frames were taken when. No torch.

| cell | recording |
| --- | --- |
| `a.avi`, `clip` | a file; a folder of images |
| `clip/*_rgb.jpg` | the files of a folder whose names fit |
| `a.avi#3-60,62` | of these, the frames of these numbers: a file's count from 0, a folder's are in the names |
| `a.avi@a.txt` | the times of its frames are in a text; its path is relative to the recording's folder |
| `a.avi@0.4s+35fps` | they begin 0.4 s after the clip's zero, 35 a second; either part may be left out |

A file or folder whose name happens to contain `#`, `@` or `*` and exists is taken as it is.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

Runs = tuple[tuple[int, int], ...]
"""First and last of each run of numbers: rising, and with gaps between them."""

_NUMBER = r"-?\d{1,12}(?:\.\d{1,12})?"
_FPS = r"(\d{1,12}(?:\.\d{1,12})?)fps"
_SPOKEN = re.compile(rf"({_NUMBER})s(?:\+{_FPS})?|{_FPS}")
_RUN = r"\d{1,9}(?:-\d{1,9})?"
_FRAMES = re.compile(rf"#({_RUN}(?:,{_RUN})*)$")
_TEXTS = (".txt", ".csv")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clock:
    """When the frames of a recording were taken, on the clip's clock.

    Attributes:
        log: A text that tells it, or None.
        start: Seconds from the clip's zero to the first frame; without `log`.
        fps: Frames per second, or None = the recording's own; without `log`.
    """

    log: Path | None = None
    start: float = 0.0
    fps: float | None = None


@dataclasses.dataclass(frozen=True)
class Cell:
    """One recording.

    Attributes:
        path: What must exist: a file, or a folder of files.
        pattern: Which of the folder's files, as in `*_rgb.jpg`; empty = all.
        frames: Numbers of the chosen frames; empty = all.
        clock: None = spread evenly over the clip.
    """

    path: Path
    _: dataclasses.KW_ONLY
    pattern: str = ""
    frames: Runs = ()
    clock: Clock | None = None

    @classmethod
    def parse(cls, text: str, base: Path | None = None) -> Cell:
        """Read a cell; its syntax is looked up on disk only where it has one.

        Args:
            text: See the table above.
            base: Folder that a relative path counts from; None = the working folder, and the path stays relative.

        Raises:
            ValueError: If the recording exists and what follows its @ is no clock, or frames are asked for backwards.
        """
        whole = _join(base, text)
        if not set(text) & set("#@*") or os.path.lexists(whole):
            return cls(whole)
        splits = [(text[: at.start()], text[at.end() :]) for at in re.finditer("(?<=.)@", text)]
        found = [
            (cell, ending) for cell, ending in ((_place(base, place), end) for place, end in splits) if cell.exists()
        ]
        for cell, ending in found or [(_place(base, place), end) for place, end in splits[-1:]]:
            clock = _clock(cell, ending)
            if clock is not None:
                return dataclasses.replace(cell, clock=clock)
        if found:
            raise ValueError(
                f"{text} ends with no clock: write @0.4s, @35fps, @0.4s+35fps or @ and a .txt or .csv file"
            )
        return _place(base, text)

    @classmethod
    def of(cls, source: Cell | os.PathLike[str] | str) -> Cell:
        """What users give for a recording, as a cell.

        Raises:
            TypeError: If it is something else.
            ValueError: See `parse`.
        """
        if isinstance(source, Cell):
            return source
        if not isinstance(source, str | os.PathLike):
            raise TypeError(f"a recording is {type(source).__name__}: give a path, or a cell as in a manifest")
        return cls.parse(os.fspath(source))

    def exists(self) -> bool:
        """Whether its file or folder does."""
        return os.path.exists(self.path)  # noqa: PTH110  # Path.exists raises where a name is too long

    def text(self, base: Path | None = None) -> str:
        """The cell as it is written into a manifest.

        Args:
            base: Folder to which paths are made relative; None = they stay as they are.
        """
        place = self.path if base is None else Path(os.path.relpath(self.path, base))
        ends = (str(first) if first == last else f"{first}-{last}" for first, last in self.frames)
        frames = ",".join(ends)
        return f"{(place / self.pattern).as_posix()}{'#' if frames else ''}{frames}{self._clock_text()}"

    def __str__(self) -> str:
        return self.text()

    @property
    def name(self) -> str:
        """The text without the folder of the recording."""
        return self.text(self._folder)

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
        return dataclasses.replace(self, frames=_runs((number, number) for number in numbers))

    @property
    def _folder(self) -> Path:
        """Where its files lie."""
        return self.path if self.pattern else self.path.parent

    def _clock_text(self) -> str:
        if self.clock is None:
            return ""
        if self.clock.log is not None:
            return f"@{Path(os.path.relpath(self.clock.log, self._folder)).as_posix()}"
        start, fps = self.clock.start, self.clock.fps
        spoken = [f"{_plain(start)}s"] if start or fps is None else []
        return "@" + "+".join(spoken if fps is None else [*spoken, f"{_plain(fps)}fps"])


def _join(base: Path | None, text: str) -> Path:
    return Path(text) if base is None else base / text


def _place(base: Path | None, text: str) -> Cell:
    """A cell without its clock."""
    runs: Runs = ()
    match = None if os.path.lexists(_join(base, text)) else _FRAMES.search(text)
    if match is not None:
        ends = [[int(end) for end in run.split("-")] for run in match[1].split(",")]
        if any(run[0] > run[-1] for run in ends):
            raise ValueError(f"{text} asks for frames backwards: write the smaller number first, as #3-60")
        text, runs = text[: match.start()], _runs((run[0], run[-1]) for run in ends)
    path = _join(base, text)
    if "*" in path.name and not os.path.lexists(path):
        return Cell(path.parent, pattern=path.name, frames=runs)
    return Cell(path, frames=runs)


def _runs(runs: Iterable[tuple[int, int]]) -> Runs:
    """In order, those that overlap or touch joined."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return tuple(joined)


def _clock(cell: Cell, ending: str) -> Clock | None:
    """What the part after @ says, if it says something."""
    if Path(ending).suffix.lower() in _TEXTS:
        return Clock(log=cell._folder / ending)
    spoken = _SPOKEN.fullmatch(ending)
    if spoken is None:
        return None
    start, fps = spoken[1] or "0", spoken[2] or spoken[3]
    return None if fps and not float(fps) else Clock(start=float(start), fps=float(fps) if fps else None)


def _real(path: Path) -> Path:
    return path.parent.resolve() / path.name


def _plain(number: float) -> str:
    """Without an exponent, and so that it reads back."""
    return format(Decimal(repr(number)), "f").removesuffix(".0")

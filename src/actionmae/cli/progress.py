"""Progress of long verbs: a bar with speed and time left on a terminal, a log line now and then elsewhere."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger(__name__)

_SECONDS, _FRACTION = 60.0, 0.01
"""The next log line comes after at least a minute and a hundredth of the work."""


class ClipCounter(AbstractContextManager["ClipCounter"]):
    """Counts clips on stderr; appears with the first report and goes when all is done.

    The speed is that of the last 1000 reports without the very first: neither what an earlier call had finished nor
    the start of the work spoils the estimate.

    Args:
        name: What is being done, as in "preparing".
        console: Where it is drawn; None = stderr.
        clock: In seconds.
    """

    def __init__(
        self, name: str, *, console: "Console | None" = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._clock = clock
        self._bar = Progress(
            TextColumn(name),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("clips"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console or Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # results go to stdout, whatever is drawn
            get_time=clock,
            speed_estimate_period=float("inf"),
        )
        self._name = name
        self._bar.add_task(name, total=None, rate="")
        self._task = self._bar.tasks[0]
        self._told, self._told_at = clock(), 0.0

    def add(self, clips: int, total: int) -> None:
        """Count `clips` more as done."""
        self.reach(round(self._task.completed) + clips, total)

    def reach(self, done: int, total: int) -> None:
        """Say how many clips are done."""
        self._bar.update(self._task.id, completed=done, total=total)
        if self._bar.console.is_interactive:
            self._bar.update(self._task.id, rate=self._rate())
            if done < total:
                self._bar.start()
            else:
                self._bar.stop()
        elif self._clock() - self._told >= _SECONDS and done - self._told_at >= _FRACTION * total:
            self._told, self._told_at = self._clock(), done
            left = self._task.time_remaining
            known = "" if left is None else f", {self._rate()}, {timedelta(seconds=round(left))} left"
            log.info("%s: %d of %d clips%s", self._name, done, total, known)

    def _rate(self) -> str:
        speed = self._task.speed
        return "" if speed is None else f"{speed:.3g}/s"

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self._bar.console.is_interactive:
            self._bar.stop()

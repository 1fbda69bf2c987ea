"""What the verb stream shows on a terminal: the sensors' state and the top classes, redrawn at every answer."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from actionmae.inference.stream_answer import StreamAnswer

_COLOURS = {"live": "green", "stale": "yellow", "silent": "red"}
_WIDTH = 30


def show_live(answers: "Iterable[StreamAnswer]", console: "Console | None" = None) -> None:
    """Draw until the answers end.

    Args:
        answers: As they come.
        console: Where; None = stdout.
    """
    from rich.console import Console, Group
    from rich.live import Live

    with Live(console=console or Console(), auto_refresh=False) as live:
        for answer in answers:
            live.update(Group(sensor_table(answer), class_table(answer)), refresh=True)


def sensor_table(answer: "StreamAnswer") -> "Table":
    """One row a sensor."""
    from rich.table import Table
    from rich.text import Text

    table = Table("sensor", "state", "last frame", "fps", "lost", title=f"{answer.time:.1f} s", title_justify="left")
    for name, sensor in answer.sensors.items():
        table.add_row(
            name,
            Text("broken", style="red") if sensor.broken else Text(sensor.state, style=_COLOURS[sensor.state]),
            "" if sensor.age is None else f"{1000 * sensor.age:.0f} ms ago",
            "" if sensor.fps is None else f"{sensor.fps:.1f}",
            str(sensor.late + sensor.duplicates),
        )
    return table


def class_table(answer: "StreamAnswer") -> "Table":
    """One row a class, best first; or why there is none."""
    from rich.table import Table

    table = Table.grid(padding=(0, 1))
    if answer.prediction is None:
        table.add_row("no sensor gives frames" if answer.state == "no sensor" else "no answer from these sensors")
        return table
    if not answer.prediction.sure:
        table.add_row("", "don't know", "")
    for name, probability in zip(answer.prediction.classes, answer.prediction.probabilities, strict=True):
        table.add_row(f"{100 * probability:5.1f} %", "█" * round(_WIDTH * probability), name)
    return table

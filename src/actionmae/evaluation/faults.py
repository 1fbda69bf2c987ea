"""What a broken sensor costs: numbers, as a grid, as CSV and as JSON. No torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from actionmae.evaluation.grids import csv_grid, percent, text_grid


@dataclass(frozen=True, kw_only=True)
class FaultRow:
    """Clips of which one sensor has one fault at one severity, all others are as recorded.

    Attributes:
        sensor: The broken one.
        fault: Its name; "none" = as recorded, "missing" = the sensor is not there.
        severity: 1–5; 0 for none and missing.
        level: In words.
        n: Clips that have the sensor.
        correct: How many are right.
        checked: How many are right if what the health check finds counts as missing; None = there was no check.
        found: For how many the health check finds the sensor broken (for none: false alarms); None as above.
    """

    sensor: str
    fault: str
    severity: int
    level: str
    n: int
    correct: int
    checked: int | None = None
    found: int | None = None

    @property
    def top1(self) -> float:
        """Percent."""
        return 100 * self.correct / self.n

    @property
    def top1_checked(self) -> float | None:
        """Percent."""
        return None if self.checked is None else 100 * self.checked / self.n

    @property
    def found_rate(self) -> float | None:
        """Percent."""
        return None if self.found is None else 100 * self.found / self.n

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def faults_csv(rows: Sequence[FaultRow]) -> str:
    """One line a row, with full precision."""
    header = ("sensor", "fault", "severity", "level", "n", "correct", "top1", "top1_checked", "found")
    cells = [
        [row.sensor, row.fault, row.severity, row.level, row.n, row.correct, row.top1, row.top1_checked, row.found_rate]
        for row in rows
    ]
    return csv_grid(header, cells)


def faults_text(rows: Sequence[FaultRow]) -> str:
    """Top-1 by severity, one line for each fault of each sensor; "checked" lines where there was a health check."""
    lines: list[list[str]] = []
    rules: list[int] = []
    for sensor in dict.fromkeys(row.sensor for row in rows):
        rules.append(len(lines))
        own = [row for row in rows if row.sensor == sensor]
        for fault in dict.fromkeys(row.fault for row in own):
            series = [row for row in own if row.fault == fault]
            blank = [""] * (5 - len(series))
            lines.append([f"{sensor}: {fault}", *(percent(row.top1) for row in series), *blank])
            if series[0].checked is not None and fault != "missing":
                lines.append(["  with health check", *(percent(row.top1_checked) for row in series), *blank])
                lines.append(["  found broken", *(percent(row.found_rate) for row in series), *blank])
    return text_grid(["top-1 at severity", "1", "2", "3", "4", "5"], lines, rules[1:])

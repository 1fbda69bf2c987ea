"""What a benchmark returns, as Markdown and JSON."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Result:
    """One benchmark's table.

    Attributes:
        title: Heading.
        about: What was measured against what.
        columns: Names.
        rows: Cells as text.
        seconds: The raw times by case and round.
        figures: Further numbers.
    """

    title: str
    about: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    seconds: dict[str, list[float]]
    figures: dict[str, float] = field(default_factory=dict)

    def markdown(self) -> str:
        """Heading, sentence, table."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        return f"### {self.title}\n\n{self.about}\n\n{table}\n"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

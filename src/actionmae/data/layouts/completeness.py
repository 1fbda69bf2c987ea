"""What a copy of a public data set lacks. No torch."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from actionmae.data.manifest import ClipRow
from actionmae.data.natural_order import natural_key

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a data set's authors published. Copies in circulation differ, so what is missing is reported, not refused.

    Attributes:
        title: Name of the data set.
        recordings: How many recordings it has.
        modalities: What every recording should have.
        by: The fact by which its archives are divided, so that a message can say where to look.
        groups: All values of that fact.
    """

    title: str
    recordings: int
    modalities: Sequence[str]
    by: Literal["setup", "camera", "subject"]
    groups: Sequence[str]

    def warn(self, rows: Sequence[ClipRow], known: Mapping[str, Collection[str]] | None = None) -> None:
        """Log a warning for everything that `missing` names; without any rows nothing, as `prepare` refuses that."""
        if rows:
            for lack in self.missing(rows, known):
                logger.warning("%s", lack)

    def missing(self, rows: Sequence[ClipRow], known: Mapping[str, Collection[str]] | None = None) -> list[str]:
        """Compare what was found with what was published.

        Args:
            rows: What was found, at least one.
            known: By modality, samples that were published without it.

        Returns:
            One sentence for each lack; empty if nothing is missing.
        """
        out = []
        if len(rows) != self.recordings:
            out.append(f"{self.title} has {self.recordings:,} recordings, {len(rows):,} were found")
        found = {getattr(row, self.by) for row in rows}
        if absent := [group for group in self.groups if group not in found]:
            out.append(f"{self.title}: nothing was found of {self.by} {', '.join(absent)}")
        for name in self.modalities:
            having = {getattr(row, self.by) for row in rows if name in row.files}
            expected = (known or {}).get(name, ())
            without = [row for row in rows if name not in row.files and row.sample not in expected]
            if not having:
                out.append(f"{self.title}: no {name} was found at all")
            elif without:
                whole = sorted(found - having, key=natural_key)
                where = f", among them all of {self.by} {', '.join(whole)}" if whole else ""
                out.append(f"{self.title}: {name} is missing for {len(without):,} of {len(rows):,} recordings{where}")
        return out

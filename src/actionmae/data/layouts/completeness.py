"""What a copy of a public data set lacks, in words. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from actionmae.data.manifest import ClipRow, natural_key


def missing_recordings(
    title: str, rows: Sequence[ClipRow], *, published: int, modalities: Sequence[str], by: str, groups: Sequence[str]
) -> list[str]:
    """Compare what was found with what was published; copies in circulation differ, so this is told, not refused.

    Args:
        title: Name of the data set.
        rows: What was found, at least one.
        published: Number of recordings that its authors state.
        modalities: What every recording should have.
        by: The fact that tells where to look, as archives are divided: setup, camera or subject.
        groups: All its values.

    Returns:
        One sentence for each lack; empty if nothing is missing.
    """
    out = []
    if len(rows) != published:
        out.append(f"{title} has {published:,} recordings, {len(rows):,} were found")
    found = {getattr(row, by) for row in rows}
    if lost := [group for group in groups if group not in found]:
        out.append(f"{title}: nothing was found of {by} {_join(lost)}")
    for name in modalities:
        without = [row for row in rows if name not in row.files]
        if len(without) == len(rows):
            out.append(f"{title}: no {name} was found at all")
        elif without:
            having = {getattr(row, by) for row in rows if name in row.files}
            whole = sorted(found - having, key=natural_key)
            where = f", among them all of {by} {_join(whole)}" if whole else ""
            out.append(f"{title}: {name} is missing for {len(without):,} of {len(rows):,} recordings{where}")
    return out


def _join(values: Sequence[str]) -> str:
    return ", ".join(values)

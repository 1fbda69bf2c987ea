"""Sorting names as people count. No torch."""

from __future__ import annotations

import re


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key in which numbers count as numbers: a2 before a10."""
    parts = re.split(r"(\d+)", text)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts if part]

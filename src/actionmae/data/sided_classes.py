"""Class names whose action a mirror turns into another one. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SIDED = {"left", "right", "clockwise", "counterclockwise", "anticlockwise"}


def sided_classes(classes: Iterable[str]) -> list[str]:
    """The names that say left, right or a sense of turning, as in "swipe left" or "turn_clockwise"."""
    return [name for name in classes if _SIDED & set(re.findall(r"[a-z]+", name.casefold()))]

"""The rule by which a data set is divided. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SplitProtocol:
    """A rule that divides clips into training and test.

    Attributes:
        field: The fact that decides: subject, camera or setup.
        train: Its values in the training set.
        test: Its values in the test set; None = all others.
    """

    field: Literal["subject", "camera", "setup"]
    train: frozenset[str]
    test: frozenset[str] | None = None

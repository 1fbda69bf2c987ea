"""Recordings that could not be read and counted as missing: told in one list when the work is done."""

import logging
from collections.abc import Mapping

logger = logging.getLogger(__name__)

Recording = tuple[str, str]
"""Sample and modality."""

Broken = dict[Recording, str]
"""Why each cannot be read."""


def log_broken(broken: Mapping[Recording, str], which: str) -> None:
    """List them, if there are any.

    Args:
        broken: Reason by sample and modality.
        which: Whose, as in "test".
    """
    if broken:
        lines = [f"{sample} without {modality}: {reason}" for (sample, modality), reason in sorted(broken.items())]
        listed = "\n  ".join(lines)
        logger.warning("broken recordings of the %s clips counted as missing (%d):\n  %s", which, len(lines), listed)

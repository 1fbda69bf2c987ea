"""What a model's provenance says of the trainings that it is made of."""

from collections.abc import Iterator, Mapping
from typing import Any


def trainings(facts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Provenance of each training that is part of a model.

    Args:
        facts: Provenance as in config.json, of a training or of models that were joined.
    """
    joined = [*facts.get("trainings", ()), *facts.get("specialists", {}).values()]
    for each in joined:
        yield from trainings({"folder": each} if isinstance(each, str) else each)
    if not joined:
        yield facts

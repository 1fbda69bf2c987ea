"""What a model is made of, as far as weights can move into another model: `Part`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Part:
    """Parameters that belong together and mean the same in every model that has this part.

    Attributes:
        role: space, time, token head, ActionMAE, completion, fusion, gate or classifier; with `modality` the part's
            identity.
        modality: Whose it is, or "" where all modalities share it.
        prefix: Of its names in the model's state dict, up to and with a dot; the longest that fits decides.
        settings: What its weights depend on beside their shapes: another model's part must agree, or it is refused.
        only_for: What decides whether its weights mean anything in another model (class names): if it differs, the part
            keeps its fresh weights.
    """

    role: str
    prefix: str
    modality: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    only_for: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """In words, for logs and errors."""
        what = {"space": "space encoder", "time": "time encoder"}.get(self.role, self.role)
        return f"{what} of {self.modality}" if self.modality else what


def keys_by_part(parts: Sequence[Part], keys: Iterable[str]) -> dict[str, list[str]]:
    """The names in a state dict that belong to each part, by the part's name; what belongs to none is left out."""
    found: dict[str, list[str]] = {part.name: [] for part in parts}
    for key in keys:
        fitting = [part for part in parts if key.startswith(part.prefix)]
        if fitting:
            found[max(fitting, key=lambda part: len(part.prefix)).name].append(key)
    return found

"""The modalities of one model, in order: `ModalitySet`. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from actionmae.core.choices import did_you_mean
from actionmae.core.modality.registry import resolve
from actionmae.core.modality.spec import ModalitySpec


class ModalitySet:
    """The modalities of one model, in order: the only source of order in the project.

    Position embeddings, concat weights and the columns of `available` follow it; it is saved with the model.

    Args:
        specs: Names, specs, or mappings `{"name": "depth", "num_frames": 8, …}` that change fields of the spec of
            that name.
        known: Specs by name that come before the registered ones: those of a manifest (`Manifest.specs`).

    Raises:
        ValueError: If empty, if a name or letter is repeated, or if a name is unknown.
    """

    def __init__(
        self,
        specs: Iterable[str | ModalitySpec | Mapping[str, Any]],
        known: Mapping[str, ModalitySpec] | None = None,
    ) -> None:
        self._specs = tuple(resolve(spec, known) for spec in specs)
        if not self._specs:
            raise ValueError("no modality was given: name at least one, for example rgb")
        for field in ("name", "letter"):
            values = [getattr(spec, field) for spec in self._specs]
            for value in values:
                if values.count(value) > 1:
                    raise ValueError(f"modality {field} {value!r} is used twice in {values}: each must be unique")

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(spec.name for spec in self._specs)

    @property
    def letters(self) -> tuple[str, ...]:
        """Letters in order, for example ("R", "D", "I")."""
        return tuple(spec.letter for spec in self._specs)

    def index(self, name: str) -> int:
        """Position (slot) of a modality.

        Raises:
            ValueError: If the set has no modality of that name.
        """
        if name not in self.names:
            meant = dict(zip(self.letters, self.names, strict=True)).get(name, name)
            raise ValueError(
                f"unknown modality {name!r}{did_you_mean(meant, self.names)}: this model has {', '.join(self.names)}"
            )
        return self.names.index(name)

    @overload
    def __getitem__(self, key: int) -> ModalitySpec: ...
    @overload
    def __getitem__(self, key: str) -> ModalitySpec: ...
    def __getitem__(self, key: int | str) -> ModalitySpec:
        return self._specs[self.index(key) if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[ModalitySpec]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModalitySet) and self._specs == other._specs

    def __hash__(self) -> int:
        return hash(self._specs)

    def __repr__(self) -> str:
        return f"ModalitySet({'+'.join(self.letters)}: {', '.join(self.names)})"

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-ready list of the specs, in order."""
        return [spec.to_dict() for spec in self._specs]

    @classmethod
    def from_list(cls, specs: Iterable[Mapping[str, Any]]) -> ModalitySet:
        """Rebuild a set from `to_list`; the registry is not consulted, so a saved model means the same everywhere."""
        return cls([_saved(spec) for spec in specs])


def _saved(fields: Mapping[str, Any]) -> ModalitySpec:
    """A saved spec. What is saved is never flipped again, and older versions saved mirrors that do not fit."""
    try:
        return ModalitySpec.from_dict(fields)
    except ValueError:
        return ModalitySpec.from_dict({**fields, "mirror": None})

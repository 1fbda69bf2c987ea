"""What a modality is: `ModalitySpec`, the ordered `ModalitySet`, and the registry of known modalities. No torch here.

A new modality is one registration::

    register(
        ModalitySpec(name="thermal", letter="T", kind="frames", shape=(3, 224, 224), value="gray", encoder="resnet34")
    )
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, overload

Kind = Literal["frames", "joints", "signal", "features"]
Value = Literal["color", "gray", "depth", "flow", "metres", "raw"]

_SHAPES: dict[str, str] = {
    "frames": "(C, H, W)",
    "joints": "(P, J, 3)",
    "signal": "(C, L)",
    "features": "(C,)",
}
_VALUES: dict[str, tuple[str, ...]] = {
    "frames": ("color", "gray", "depth", "flow"),
    "joints": ("metres",),
    "signal": ("raw",),
    "features": ("raw",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mirror:
    """How a clip of this modality looks in a mirror (left and right exchanged).

    Attributes:
        permutation: New order of the joints (or of the signal's channels); empty = unchanged. Frames flip their width.
        negate: Coordinates (joints) or channels (frames, signal) whose sign changes, after the exchange.
    """

    permutation: tuple[int, ...] = ()
    negate: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModalitySpec:
    """One sensor's stream: its name, its shape, how it is read and how it becomes network input.

    Attributes:
        name: The manifest's column and the key in `ClipBatch.clips`; a Python identifier.
        letter: One capital letter, unique in a `ModalitySet` ("R+D").
        kind: frames (images), joints (3-D skeletons), signal (samples in windows), features (somebody's vectors).
        shape: Of one frame as the network sees it. frames (C, H, W), C after conversion; joints (P, J, 3);
            signal (C, L), L samples in each window; features (C,).
        num_frames: T, the number of frames (tokens) per clip.
        value: What the stored numbers mean and so how they become float: color (uint8, ImageNet mean and std),
            gray (uint8, one channel replicated), depth (uint16 millimetres, JET-coloured), flow (uint8, 128 = no
            motion), metres (joints), raw (as stored).
        value_range: Depth: (near, far) in millimetres mapped onto the JET scale; None = each clip's own range.
        rate: Frames (samples) per second where the file does not say, or None if unknown.
        encoder: Default encoder: a timm or torchvision name for frames, "joints", "signal" or "features" otherwise.
        mirror: How it is mirrored; None = a clip that has this modality is never flipped.

    Raises:
        ValueError: If a field is out of range or does not fit the kind.
    """

    name: str
    letter: str
    kind: Kind
    shape: tuple[int, ...]
    num_frames: int = 16
    value: Value
    value_range: tuple[float, float] | None = None
    rate: float | None = None
    encoder: str
    mirror: Mirror | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(
                f"modality name {self.name!r} is not an identifier: use letters, digits and '_', as in 'rgb'"
            )
        if len(self.letter) != 1 or not ("A" <= self.letter <= "Z"):
            raise ValueError(f"modality {self.name!r} has letter {self.letter!r}: give one capital letter A–Z")
        if self.kind not in _SHAPES:
            raise ValueError(f"modality {self.name!r} has kind {self.kind!r}: choose one of {', '.join(_SHAPES)}")
        wanted = _SHAPES[self.kind]
        if len(self.shape) != len(wanted.split(",")) - wanted.endswith(",)") or min(self.shape) < 1:
            raise ValueError(
                f"modality {self.name!r} ({self.kind}) has shape {self.shape}: give {wanted}, all at least 1"
            )
        if self.num_frames < 1:
            raise ValueError(f"modality {self.name!r} has num_frames {self.num_frames}: give at least 1")
        if self.value not in _VALUES[self.kind]:
            raise ValueError(
                f"modality {self.name!r} ({self.kind}) has value {self.value!r}: "
                f"choose one of {', '.join(_VALUES[self.kind])}"
            )
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ValueError(
                f"modality {self.name!r} has value_range {self.value_range}: give near < far in millimetres"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data from which `from_dict` rebuilds this spec."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ModalitySpec:
        """Rebuild a spec from `to_dict` (lists may stand for tuples).

        Raises:
            ValueError: If a field is unknown or does not fit.
        """
        return dataclasses.replace(_BLANK, **_coerce(fields))


def _coerce(fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON or YAML values to the spec's own types; unknown field names are refused."""
    known = [field.name for field in dataclasses.fields(ModalitySpec)]
    for key in fields:
        if key not in known:
            raise ValueError(f"unknown modality field {key!r}{_suggest(key, known)}: known are {', '.join(known)}")
    out = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    mirror = out.get("mirror")
    if isinstance(mirror, Mapping):
        out["mirror"] = Mirror(**{key: tuple(value) for key, value in mirror.items()})
    return out


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


class ModalitySet:
    """The modalities of one model, in order: the only source of order in the project.

    Position embeddings, concat weights and the columns of `available` follow it; it is saved with the model.

    Args:
        specs: Registered names, specs, or mappings `{"name": "depth", "num_frames": 8, …}` that change fields of the
            registered spec of that name.

    Raises:
        ValueError: If empty, if a name or letter is repeated, or if a name is unknown.
    """

    def __init__(self, specs: Iterable[str | ModalitySpec | Mapping[str, Any]]) -> None:
        self._specs = tuple(resolve(spec) for spec in specs)
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
    def letters(self) -> str:
        """Letters in order, for example "RDI"."""
        return "".join(spec.letter for spec in self._specs)

    def index(self, name: str) -> int:
        """Position (slot) of a modality.

        Raises:
            ValueError: If the set has no modality of that name.
        """
        if name not in self.names:
            raise ValueError(
                f"unknown modality {name!r}{_suggest(name, self.names)}: this model has {', '.join(self.names)}"
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
        return cls([ModalitySpec.from_dict(spec) for spec in specs])


_REGISTRY: dict[str, ModalitySpec] = {}


def register(spec: ModalitySpec) -> ModalitySpec:
    """Make a modality known by its name.

    Raises:
        ValueError: If another spec already has this name.
    """
    if spec.name in _REGISTRY:
        raise ValueError(f"modality {spec.name!r} is already registered: choose another name")
    _REGISTRY[spec.name] = spec
    return spec


def registered() -> tuple[str, ...]:
    """Names of all registered modalities."""
    return tuple(_REGISTRY)


def resolve(spec: str | ModalitySpec | Mapping[str, Any]) -> ModalitySpec:
    """A spec from a registered name, or from a mapping that changes fields of the registered spec of its `name`.

    Raises:
        ValueError: If the name is unknown, or a field does not fit. A mapping with all of name, letter, kind, shape,
            value and encoder needs no registration.
    """
    if isinstance(spec, ModalitySpec):
        return spec
    fields = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = fields.get("name", "")
    if name not in _REGISTRY:
        if {"name", "letter", "kind", "shape", "value", "encoder"} <= set(fields):
            return ModalitySpec.from_dict(fields)
        raise ValueError(
            f"unknown modality {name!r}{_suggest(name, _REGISTRY)}: registered are {', '.join(_REGISTRY)}; "
            "register a ModalitySpec for a new one"
        )
    return dataclasses.replace(_REGISTRY[name], **_coerce(fields))


KINECT_V2_MIRROR = Mirror(
    permutation=(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22),
    negate=(0,),
)
"""The 25 joints of Kinect v2 (NTU RGB+D): left and right exchanged, x negated."""

KINECT_V1_MIRROR = Mirror(
    permutation=(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15),
    negate=(0,),
)
"""The 20 joints of Kinect v1 (NW-UCLA, UTD-MHAD): left and right exchanged, x negated."""

_BLANK = ModalitySpec(name="blank", letter="B", kind="features", shape=(1,), value="raw", encoder="features")

# Paper §4.1: T = 16 frames of 224 × 224; depth becomes 3 channels by JET, infrared by replication.
register(
    ModalitySpec(
        name="rgb", letter="R", kind="frames", shape=(3, 224, 224), value="color", encoder="resnet34", mirror=Mirror()
    )
)
register(
    ModalitySpec(
        name="depth",
        letter="D",
        kind="frames",
        shape=(3, 224, 224),
        value="depth",
        value_range=(500.0, 8000.0),
        encoder="resnet34",
        mirror=Mirror(),
    )
)
register(
    ModalitySpec(
        name="ir", letter="I", kind="frames", shape=(3, 224, 224), value="gray", encoder="resnet34", mirror=Mirror()
    )
)
register(
    ModalitySpec(
        name="flow",
        letter="F",
        kind="frames",
        shape=(2, 224, 224),
        value="flow",
        encoder="resnet34",
        mirror=Mirror(negate=(0,)),
    )
)
register(
    ModalitySpec(
        name="skeleton",
        letter="S",
        kind="joints",
        shape=(2, 25, 3),
        value="metres",
        rate=30.0,
        encoder="joints",
        mirror=KINECT_V2_MIRROR,
    )
)
# A is for acceleration: I is the infrared camera's letter.
register(
    ModalitySpec(name="inertial", letter="A", kind="signal", shape=(6, 32), value="raw", rate=50.0, encoder="signal")
)

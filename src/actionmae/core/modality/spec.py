"""What a modality is: `ModalitySpec`. No torch here."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from actionmae.core.choices import did_you_mean

Kind = Literal["frames", "joints", "signal", "features"]
Value = Literal["color", "gray", "depth", "flow", "metres", "raw"]

_SHAPES: dict[str, str] = {
    "frames": "(C, H, W)",
    "joints": "(P, J, 3)",
    "signal": "(C, L)",
    "features": "(C,)",
}
VALUES: dict[str, tuple[str, ...]] = {
    "frames": ("color", "gray", "depth", "flow"),
    "joints": ("metres",),
    "signal": ("raw",),
    "features": ("raw",),
}
"""Which values each kind may have."""

MOST_NUMBERS = 2**30
"""In a clip of one modality as the network sees it; the paper's have 2.4 million."""


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
    """One sensor as the network sees it: its name, its shape, how it is read and becomes network input.

    Attributes:
        name: The manifest's column and the key in `ClipBatch.clips`; a Python identifier.
        letter: One capital letter, or a letter and a number up to 99; unique in a `ModalitySet` ("R+D", "A1+A2").
        kind: frames (images), joints (3-D skeletons), signal (samples in windows), features (precomputed vectors).
        shape: Of one frame as the network sees it. frames (C, H, W), C after conversion; joints (P, J, 3);
            signal (C, L), L samples in each window; features (C,).
        num_frames: T, the number of frames (tokens) per clip.
        value: What the stored numbers mean and so how they become float: color (uint8, ImageNet mean and std),
            gray (uint8, one channel replicated), depth (uint16 millimetres, JET-coloured), flow (uint8, 128 = no
            motion), metres (joints), raw (as stored).
        value_range: Depth: (near, far) in millimetres mapped onto the JET scale; None = each clip's own range. Gray
            recorded with 16 bits: (black, white) as stored, mapped onto 0–255; None = the upper byte.
        fps: Frames (samples) per second where the file does not say, or None if unknown.
        encoder: Default encoder: a timm or torchvision name for frames, "joints", "signal" or "features" otherwise.
        mirror: How it is mirrored; None = a clip that has this modality is never flipped.

    Raises:
        ValueError: If a field is of another type (lists may stand for tuples), out of range or does not fit the kind.
    """

    name: str
    letter: str
    kind: Kind
    shape: tuple[int, ...]
    num_frames: int = 16
    value: Value
    value_range: tuple[float, float] | None = None
    fps: float | None = None
    encoder: str
    mirror: Mirror | None = None

    def __post_init__(self) -> None:
        for field, value in _coerce(vars(self)).items():
            object.__setattr__(self, field, value)
        if not self.name.isidentifier():
            raise ValueError(
                f"modality name {self.name!r} is not an identifier: use letters, digits and '_', as in 'rgb'"
            )
        if not re.fullmatch("[A-Z][0-9]{0,2}", self.letter):
            raise ValueError(
                f"modality {self.name!r} has letter {self.letter!r}: give one capital letter A–Z, or a letter and a "
                "number as in A2"
            )
        if self.kind not in _SHAPES:
            raise ValueError(f"modality {self.name!r} has kind {self.kind!r}: choose one of {', '.join(_SHAPES)}")
        wanted = _SHAPES[self.kind]
        rank = len(wanted.split(",")) - wanted.endswith(",)")
        if len(self.shape) != rank or min(self.shape) < 1 or (self.kind == "joints" and self.shape[2] != 3):
            raise ValueError(
                f"modality {self.name!r} ({self.kind}) has shape {self.shape}: give {wanted}, all at least 1"
            )
        if self.num_frames < 1:
            raise ValueError(f"modality {self.name!r} has num_frames {self.num_frames}: give at least 1")
        if self.num_frames * math.prod(self.shape) > MOST_NUMBERS:
            raise ValueError(
                f"modality {self.name!r} has {self.num_frames} frames of shape {self.shape}: give a smaller shape or "
                f"fewer frames, no clip has more than {MOST_NUMBERS} numbers"
            )
        if self.value not in VALUES[self.kind]:
            raise ValueError(
                f"modality {self.name!r} ({self.kind}) has value {self.value!r}: "
                f"choose one of {', '.join(VALUES[self.kind])}"
            )
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ValueError(
                f"modality {self.name!r} has value_range {self.value_range}: give two numbers, the smaller one first"
            )
        _check_mirror(self, self.mirror or Mirror())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data from which `from_dict` rebuilds this spec."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ModalitySpec:
        """Rebuild a spec from `to_dict` (lists may stand for tuples).

        Raises:
            ValueError: If a field is unknown, is lacking or does not fit.
        """
        # Model folders of format 1 call fps rate.
        given = {"fps" if name == "rate" else name: value for name, value in fields.items()}
        _check_names(given)
        lacking = [field for field in NEEDED if field not in given]
        if lacking:
            raise ValueError(
                f"the definition of modality {given.get('name')!r} has no {', '.join(lacking)}: give all of "
                f"{', '.join(NEEDED)}"
            )
        return cls(**_coerce(given))

    def changed(self, fields: Mapping[str, Any]) -> ModalitySpec:
        """This spec with other values in some fields, as they come from JSON or YAML (lists may stand for tuples).

        Raises:
            ValueError: If a field is unknown or does not fit.
        """
        _check_names(fields)
        return dataclasses.replace(self, **_coerce(fields))


NEEDED = tuple(field.name for field in dataclasses.fields(ModalitySpec) if field.default is dataclasses.MISSING)
"""What every definition of a modality gives; the other fields have a default."""


def _check_names(fields: Mapping[str, Any]) -> None:
    """Raise ValueError if one of the fields does not exist."""
    known = [field.name for field in dataclasses.fields(ModalitySpec)]
    for key in fields:
        if key not in known:
            raise ValueError(f"unknown modality field {key!r}{did_you_mean(key, known)}: known are {', '.join(known)}")


def _check_mirror(spec: ModalitySpec, mirror: Mirror) -> None:
    """Raise ValueError unless the mirror fits the shape: a spec that changes another's shape inherits its mirror."""
    has = f"modality {spec.name!r} ({spec.kind}) has shape {spec.shape} and a mirror whose"
    moved = {"joints": spec.shape[1:2], "signal": spec.shape[:1]}.get(spec.kind, (0,))[0]
    if mirror.permutation and sorted(mirror.permutation) != list(range(moved)):
        todo = f"give mirror as well, with each of 0 to {moved - 1} once in it, or null" if moved else "leave it out"
        length = len(mirror.permutation)
        found = f"is {mirror.permutation}" if length == moved else f"has {length} numbers"
        raise ValueError(f"{has} permutation {found}: {todo}")
    signs = {"joints": 3, "features": 0}.get(spec.kind, spec.shape[0])
    if not all(0 <= each < signs for each in mirror.negate):
        todo = f"give mirror as well, with numbers from 0 to {signs - 1} in it, or null" if signs else "leave it out"
        raise ValueError(f"{has} negate is {mirror.negate}: {todo}")


def _coerce(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they come from JSON or YAML to the spec's own types; others are refused."""
    out = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    for key, value in out.items():
        fits, wanted = _FORMS.get(key, _TEXT)
        if not fits(value):
            raise ValueError(f"modality field {key!r} is {value!r}: give {wanted}")
    for key in ("value_range", "fps"):
        value = out.get(key)
        if value is not None:
            out[key] = tuple(map(float, value)) if isinstance(value, tuple) else float(value)
    mirror = out.get("mirror")
    if isinstance(mirror, Mapping):
        out["mirror"] = Mirror(**{key: tuple(value) for key, value in mirror.items()})
    return out


def _whole(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(_is_whole(value) for value in values)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _near_far(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_finite, value))


def _mirror(value: Any) -> bool:
    if isinstance(value, Mapping):
        return value.keys() <= {"permutation", "negate"} and all(map(_whole, value.values()))
    return isinstance(value, Mirror)


_TEXT = (lambda value: isinstance(value, str), "a text")
_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "shape": (_whole, "whole numbers"),
    "num_frames": (_is_whole, "a whole number"),
    "value_range": (
        lambda value: value is None or _near_far(value),
        "two numbers, or null",
    ),
    "fps": (
        lambda value: value is None or (_is_finite(value) and value > 0),
        "a number above 0, or null",
    ),
    "mirror": (
        lambda value: value is None or _mirror(value),
        "lists of whole numbers for permutation and negate, or null",
    ),
}

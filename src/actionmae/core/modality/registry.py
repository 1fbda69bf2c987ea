"""The modalities that are known by name. No torch here.

A new one is one registration::

    register(
        ModalitySpec(name="thermal", letter="T", kind="frames", shape=(3, 224, 224), value="gray", encoder="resnet34")
    )
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actionmae.core.choices import did_you_mean
from actionmae.core.modality.spec import NEEDED, Mirror, ModalitySpec

_REGISTRY: dict[str, ModalitySpec] = {}
_HELP = "docs/reference/modalities.md"


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


def modality_name(spec: str | Mapping[str, Any]) -> str:
    """The modality's name in a setting, which is that name or a mapping that has it.

    Raises:
        ValueError: If it is neither.
    """
    name = spec.get("name") if isinstance(spec, Mapping) else spec
    if not isinstance(name, str):
        raise ValueError(f"modality {spec!r} has no name: give rgb, or {{name: rgb, …}}")
    return name


def resolve(
    spec: str | ModalitySpec | Mapping[str, Any], known: Mapping[str, ModalitySpec] | None = None
) -> ModalitySpec:
    """A spec from a name, or from a mapping that changes fields of the spec of its `name`.

    Args:
        spec: A name, a spec (which is returned as it is), or a mapping. A mapping with all of name, letter, kind,
            shape, value and encoder defines a new modality.
        known: Specs by name that come before the registered ones: those of a manifest.

    Raises:
        ValueError: If the name is unknown, or a field is missing or does not fit.
    """
    if isinstance(spec, ModalitySpec):
        return spec
    fields = dict(spec) if isinstance(spec, Mapping) else {"name": spec}
    name = modality_name(fields)
    specs = {**_REGISTRY, **(known or {})}
    if name in specs:
        return specs[name].changed(fields)
    lacking = [field for field in NEEDED if field not in fields]
    if not lacking:
        return ModalitySpec.from_dict(fields)
    if len(fields) > 1:
        raise ValueError(
            f"modality {name!r} is not known{did_you_mean(name, specs)}, and its definition has no "
            f"{', '.join(lacking)}: give all of {', '.join(NEEDED)} ({_HELP})"
        )
    raise ValueError(
        f"unknown modality {name!r}{did_you_mean(name, specs)}: known are {', '.join(specs)}; a new one is defined by "
        f"{', '.join(NEEDED)} ({_HELP})"
    )


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
        fps=30.0,
        encoder="joints",
        mirror=KINECT_V2_MIRROR,
    )
)
# A is for acceleration: I is the infrared camera's letter.
register(
    ModalitySpec(name="inertial", letter="A", kind="signal", shape=(6, 32), value="raw", fps=50.0, encoder="signal")
)

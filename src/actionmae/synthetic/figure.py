"""From a posed skeleton to what is seen of it: tapered capsules with materials. No torch.

Shapes: n frames, K capsules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actionmae.core.seeds import numpy_generator
from actionmae.synthetic.body import JOINT, SIDES, Array, Proportions, Skeleton
from actionmae.synthetic.take import Prop

PLAIN, STRIPES, PRINT, HEAD = range(4)
"""Patterns of a surface: one colour, bands across the capsule, a chest print, hair and eyes."""

_SKIN = ((0.86, 0.64, 0.52), (0.78, 0.55, 0.42), (0.62, 0.42, 0.30), (0.45, 0.29, 0.20), (0.30, 0.19, 0.14))
_HAIR = ((0.05, 0.04, 0.04), (0.12, 0.07, 0.04), (0.30, 0.18, 0.08), (0.62, 0.48, 0.25), (0.45, 0.45, 0.46))


@dataclass(frozen=True, kw_only=True)
class Capsules:
    """K tapered capsules, moving.

    Attributes:
        start: [n, K, 3] centre of the one end, `end` of the other; metres, world.
        front: [n, K, 3] unit direction along which a capsule is flattened, and which its pattern faces.
        radius: [K, 2] metres at start and end.
        depth: [K] extent along `front` as a fraction of the extent across it.
        albedo: [K, 3] linear reflectance of visible light; `accent` of the pattern's second colour.
        infrared: [K] reflectance near 850 nm.
        pattern: [K] one of PLAIN, STRIPES, PRINT, HEAD.
        person: [K] True = part of a body, False = a thing.
    """

    start: Array
    end: Array
    front: Array
    radius: Array
    depth: Array
    albedo: Array
    accent: Array
    infrared: Array
    pattern: NDArray[np.int64]
    person: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Material of one part: linear albedo, second colour, infrared reflectance, pattern."""

    albedo: tuple[float, float, float]
    infrared: float
    accent: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pattern: int = PLAIN


@dataclass(frozen=True, kw_only=True)
class Clothes:
    """What one person wears, and the colours of skin and hair."""

    skin: Surface
    head: Surface
    shirt: Surface
    trousers: Surface
    shoes: Surface
    long_sleeves: bool
    long_trousers: bool


def draw_clothes(seed: int, subject: object, setup: object) -> Clothes:
    """Skin and hair belong to the subject, clothes to the subject's day in a setup.

    Infrared reflectance is drawn apart from the colour: black cotton is often bright near 850 nm.
    """
    rng = numpy_generator(seed, "skin", subject)
    skin_color = _SKIN[int(rng.integers(len(_SKIN)))]
    hair = _HAIR[int(rng.integers(len(_HAIR)))]
    rng = numpy_generator(seed, "clothes", subject, setup)

    def cloth(pattern: int = PLAIN) -> Surface:
        return Surface(albedo=_color(rng), accent=_color(rng), infrared=float(rng.uniform(0.25, 0.9)), pattern=pattern)

    return Clothes(
        skin=Surface(albedo=skin_color, infrared=0.55),
        head=Surface(albedo=skin_color, accent=hair, infrared=0.55, pattern=HEAD),
        shirt=cloth(int(rng.choice([PLAIN, STRIPES, PRINT]))),
        trousers=cloth(),
        shoes=cloth(),
        long_sleeves=bool(rng.random() < 0.5),
        long_trousers=bool(rng.random() < 0.75),
    )


def _color(rng: np.random.Generator) -> tuple[float, float, float]:
    """Any cloth: value and saturation spread, so black, white and gray are common."""
    value, saturation = rng.uniform(0.03, 0.85), rng.uniform(0.0, 1.0) ** 1.5
    hue = (rng.random() + np.array([0.0, 1 / 3, 2 / 3])) * 2 * np.pi
    color = value * (1 - saturation * (0.5 - 0.5 * np.cos(hue)))
    return float(color[0]), float(color[1]), float(color[2])


class _Builder:
    """Collects capsules one by one."""

    def __init__(self) -> None:
        self._parts: list[tuple[Array, Array, Array, tuple[float, float], float, Surface, bool]] = []

    def add(
        self,
        start: Array,
        end: Array,
        front: Array,
        radius: tuple[float, float],
        surface: Surface,
        *,
        depth: float = 1.0,
        person: bool = True,
    ) -> None:
        self._parts.append((start, end, front, radius, depth, surface, person))

    def build(self) -> Capsules:
        starts, ends, fronts, radii, depths, surfaces, persons = zip(*self._parts, strict=True)
        return Capsules(
            start=np.stack(starts, 1),
            end=np.stack(ends, 1),
            front=np.stack(fronts, 1),
            radius=np.array(radii),
            depth=np.array(depths),
            albedo=np.array([surface.albedo for surface in surfaces]),
            accent=np.array([surface.accent for surface in surfaces]),
            infrared=np.array([surface.infrared for surface in surfaces]),
            pattern=np.array([surface.pattern for surface in surfaces]),
            person=np.array(persons),
        )


def dress(people: list[tuple[Skeleton, Proportions, Clothes]], things: list[tuple[Prop, Array, Array]]) -> Capsules:
    """All capsules of a scene.

    Args:
        people: Posed persons with their proportions and clothes.
        things: Held or flying props, each with its centre [n, 3] and a direction [n, 3], metres, world.
    """
    builder = _Builder()
    for skeleton, body, clothes in people:
        _trunk(builder, skeleton, body, clothes)
        for side in SIDES:
            _limbs(builder, skeleton, body, clothes, side)
    for prop, centre, along in things:
        _thing(builder, prop, centre, along)
    return builder.build()


def _trunk(builder: _Builder, skeleton: Skeleton, body: Proportions, clothes: Clothes) -> None:
    joints = skeleton.joints
    size, girth = body.height, body.girth
    base, mid, top, neck, head = (
        joints[:, JOINT[name]] for name in ("spine_base", "spine_mid", "spine_shoulder", "neck", "head")
    )
    hips, chest, face = skeleton.pelvis[:, :, 2], skeleton.chest[:, :, 2], skeleton.head[:, :, 2]
    up = skeleton.chest[:, :, 1]
    waist = 0.085 * size * girth
    across = 0.046 * size * skeleton.pelvis[:, :, 0]
    builder.add(base - across, base + across, hips, (0.058 * size * girth,) * 2, clothes.trousers, depth=0.95)
    builder.add(base + 0.02 * size * up, mid, hips, (waist, waist), clothes.shirt, depth=0.72)
    builder.add(mid, top - 0.062 * size * up, chest, (waist, 0.098 * size), clothes.shirt, depth=0.68)
    bar = 0.86 * body.shoulder_half * skeleton.chest[:, :, 0]
    yoke = top - 0.028 * size * up
    plain = Surface(albedo=clothes.shirt.albedo, infrared=clothes.shirt.infrared)
    builder.add(yoke - bar, yoke + bar, chest, (0.042 * size,) * 2, plain, depth=0.95)
    builder.add(top - 0.01 * size * up, neck + 0.02 * size * up, chest, (0.033 * size,) * 2, clothes.skin)
    crown = skeleton.head[:, :, 1] * 0.022 * size
    builder.add(head - crown, head + crown, face, (0.041 * size, 0.048 * size), clothes.head, depth=1.12)
    builder.add(head - 0.1 * crown, head - 0.5 * crown, face, (0.01 * size, 0.013 * size), clothes.skin, depth=4.5)


def _limbs(builder: _Builder, skeleton: Skeleton, body: Proportions, clothes: Clothes, side: str) -> None:
    def at(name: str) -> Array:
        return skeleton.joints[:, JOINT[f"{name}_{side}"]]

    front, girth, size = skeleton.chest[:, :, 2], body.girth**0.6, body.height
    arm, thick = clothes.shirt, 0.031 * size * girth
    if arm.pattern == PRINT:
        arm = Surface(albedo=arm.albedo, infrared=arm.infrared)
    sleeve = arm if clothes.long_sleeves else clothes.skin
    builder.add(at("shoulder") - 0.008 * size * skeleton.chest[:, :, 1], at("elbow"), front, (thick, 0.8 * thick), arm)
    builder.add(at("elbow"), at("wrist"), front, (0.8 * thick, 0.55 * thick), sleeve)
    builder.add(at("wrist"), at("hand_tip"), front, (0.018 * size, 0.014 * size), clothes.skin)
    forward = skeleton.pelvis[:, :, 2]
    calf = clothes.trousers if clothes.long_trousers else clothes.skin
    builder.add(at("hip"), at("knee"), forward, (0.052 * size * girth, 0.037 * size * girth), clothes.trousers)
    builder.add(at("knee"), at("ankle"), forward, (0.036 * size * girth, 0.025 * size), calf)
    heel = at("ankle") - 0.25 * (at("foot") - at("ankle")) - [0.0, 0.018 * size, 0.0]
    builder.add(heel, at("foot"), forward, (0.026 * size, 0.022 * size), clothes.shoes)


_THINGS = {
    "cup": (Surface(albedo=(0.8, 0.8, 0.85), infrared=0.8), 0.03, 0.036),
    "ball": (Surface(albedo=(0.85, 0.25, 0.1), infrared=0.6), 0.0, 0.075),
    "parcel": (Surface(albedo=(0.55, 0.4, 0.22), infrared=0.65), 0.07, 0.07),
}


def _thing(builder: _Builder, prop: Prop, centre: Array, along: Array) -> None:
    surface, half, radius = _THINGS[prop.kind]
    sideways = np.tile([0.0, 0.0, 1.0], (len(centre), 1))
    builder.add(centre - half * along, centre + half * along, sideways, (radius, radius), surface, person=False)

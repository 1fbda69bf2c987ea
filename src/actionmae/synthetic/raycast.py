"""Which surface each pixel sees: exact ray casting of rooms (boxes) and figures (tapered capsules). No torch.

Rays are camera coordinates at z = 1, so the ray parameter *is* the depth in metres.

Shapes: h w pixels, K capsules, F hits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actionmae.synthetic.body import Array
from actionmae.synthetic.figure import Capsules
from actionmae.synthetic.scene import Camera

Image = NDArray[np.float32]

_NEAR = 0.15


@dataclass(frozen=True, kw_only=True)
class Hits:
    """The F pixels in which a capsule is the nearest surface.

    Attributes:
        pixel: [F] flat index v · w + u.
        part: [F] which capsule.
        depth: [F] metres along the optical axis.
        normal: [F, 3] unit, camera coordinates.
        along: [F] 0 at the capsule's start … 1 at its end, in radii beyond.
        facing: [F] cosine between the normal and the capsule's front.
        side: [F] cosine between the normal and the direction across axis and front.
    """

    pixel: NDArray[np.int64]
    part: NDArray[np.int64]
    depth: Image
    normal: Image
    along: Image
    facing: Image
    side: Image


def cast_boxes(
    camera: Camera, rays: Image, low: Array, high: Array, turn: float, *, inside: bool = False
) -> tuple[Image, NDArray[np.int64]]:
    """Depth and face of one box.

    Args:
        camera: Where the rays start.
        rays: [h, w, 3].
        low: [3] lowest corner in the box's own axes, metres.
        high: [3] highest corner.
        turn: Rotation of those axes about the world's vertical, radians.
        inside: The camera is in the box (a room): the far walls are seen.

    Returns:
        [h, w] metres, inf where missed, and [h, w] faces 0–5: −x +x −y +y −z +z.
    """
    axes = turned(turn)
    origin = (axes @ camera.position).astype(np.float32)
    direction = rays @ (axes @ camera.axes.T).T.astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (low.astype(np.float32) - origin) / direction
        second = (high.astype(np.float32) - origin) / direction
    if inside:
        depth = _of_three(np.minimum, np.maximum(first, second))
        return depth, _face(first, second, depth)
    enter = _of_three(np.maximum, np.minimum(first, second))
    leave = _of_three(np.minimum, np.maximum(first, second))
    depth = np.where((enter < leave) & (enter > _NEAR), enter, np.float32(np.inf))
    return depth, _face(first, second, enter)


def _face(first: Image, second: Image, depth: Image) -> NDArray[np.int64]:
    """Which of six planes lies at `depth`."""
    planes = [plane[..., axis] == depth for axis in range(3) for plane in (first, second)]
    return np.asarray(np.argmax(planes, axis=0), dtype=np.int64)


def _of_three(choose: np.ufunc, values: Image) -> Image:
    """[..., 3] → [...]; several times quicker than a reduction over an axis of three."""
    return np.asarray(choose(choose(values[..., 0], values[..., 1]), values[..., 2]))


def dots(first: Image, second: Image) -> Image:
    """[..., 3] × [..., 3] → [...] scalar products, without the temporary and the slow sum over an axis of three."""
    return np.asarray(np.einsum("...i,...i->...", first, second))


def turned(turn: float) -> Array:
    """[3, 3] world to axes rotated about the vertical so that local −z faces azimuth `turn`."""
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def cast_capsules(camera: Camera, rays: Image, capsules: Capsules, frame: int, background: Image) -> Hits:
    """Which capsules are seen in front of a background.

    A capsule flattened along its front is a round one in a stretched space: rays are taken there, and the ray parameter
    (the depth) is the same in both.

    Args:
        camera: Where the rays start.
        rays: [h, w, 3].
        capsules: The figures.
        frame: Which frame of them.
        background: [h, w] metres, depth of what stands behind.
    """
    start, end = camera.to_camera(capsules.start[frame]), camera.to_camera(capsules.end[frame])
    front = capsules.front[frame] @ camera.axes.T
    # x → x + (1/depth − 1) f fᵀ x undoes the flattening.
    stretch = np.eye(3) + (1 / capsules.depth - 1)[:, None, None] * front[:, :, None] * front[:, None, :]
    boxes = _boxes(camera, start, end, capsules.radius.max(1) * np.maximum(capsules.depth, 1.0))
    nearest = background.copy()
    owner = np.full(background.shape, -1, dtype=np.int64)
    x, y = rays[:1, :, 0], rays[:, :1, 1]
    for number, (left, upper, right, lower) in enumerate(boxes):
        if left >= right or upper >= lower:
            continue
        window = np.s_[upper:lower, left:right]
        ray = x[:, left:right], y[upper:lower]
        depth = _round_cone(*ray, stretch[number], start[number], end[number], capsules.radius[number])
        closer = depth < nearest[window]
        nearest[window][closer] = depth[closer]
        owner[window][closer] = number
    pixel = np.flatnonzero(owner >= 0)
    part, depth = owner.ravel()[pixel], nearest.ravel()[pixel]
    return _describe(rays.reshape(-1, 3)[pixel], pixel, part, depth, start, end, front, stretch, capsules.radius)


def _boxes(camera: Camera, start: Array, end: Array, radius: Array) -> NDArray[np.int64]:
    """[K, 4] left, upper, right, lower pixel bounds; empty for what is behind the camera or outside."""
    centres = np.stack([start, end])  # [2, K, 3]
    z = np.maximum(centres[..., 2] - radius, _NEAR)
    reach = 1.15 * camera.focal * radius / z + 1.5
    u = camera.center[0] + camera.focal * centres[..., 0] / np.maximum(centres[..., 2], _NEAR)
    v = camera.center[1] - camera.focal * centres[..., 1] / np.maximum(centres[..., 2], _NEAR)
    bounds = np.stack([(u - reach).min(0), (v - reach).min(0), (u + reach).max(0) + 1, (v + reach).max(0) + 1], 1)
    limit = np.array([camera.size[0], camera.size[1]] * 2)
    bounds = np.clip(bounds, 0, limit)
    bounds[centres[..., 2].min(0) < _NEAR] = 0
    return np.asarray(bounds, dtype=np.int64)


def _round_cone(x: Image, y: Image, stretch: Array, start: Array, end: Array, radius: Array) -> Image:
    """[h, w] depth of the first meeting with one tapered capsule, inf where missed (the camera is at 0).

    A ray is d = (x, y, 1) with x [1, w] and y [h, 1]: what is linear in d is a sum of a row and a column, and the
    ray needs no normalising, so its parameter stays the depth.
    """
    a, axis = -(stretch @ start), stretch @ (end - start)
    b = a - axis
    r, shrink = float(radius[0]), float(radius[0] - radius[1])
    length2, a_axis, a2, b2 = float(axis @ axis), float(axis @ a), float(a @ a), float(b @ b)

    def linear(of: Array) -> Image:
        u, v, w = (float(number) for number in of @ stretch)
        return np.asarray((u * x + w) + v * y, dtype=np.float32)

    along, toward_a = linear(axis), linear(a)
    q = stretch.T @ stretch
    square = (float(q[0, 0]) * x + float(2 * q[0, 2])) * x + (
        (float(q[1, 1]) * y + float(2 * q[1, 2])) * y + float(q[2, 2])
    )
    square += float(2 * q[0, 1]) * x * y  # |S d|²
    d2 = length2 - shrink * shrink
    k2 = d2 * square - along * along
    k1 = d2 * toward_a - (a_axis - shrink * r) * along
    k0 = d2 * a2 - a_axis**2 + 2 * a_axis * r * shrink - length2 * r * r
    infinite = np.float32(np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (-np.sqrt(k1 * k1 - k0 * k2) - k1) / k2  # NaN where the ray misses the infinite cone
        height = (a_axis - r * shrink) + depth * along
        depth = np.where((height > 0) & (height < d2), depth, infinite)
        for toward, square_at, cap in ((toward_a, a2, r), (toward_a - along, b2, r - shrink)):
            ball = (-toward - np.sqrt(toward * toward - (square_at - cap * cap) * square)) / square
            np.fmin(depth, ball, out=depth)
    depth[depth <= 0] = infinite
    return np.asarray(depth, dtype=np.float32)


def _describe(
    rays: Image,
    pixel: NDArray[np.int64],
    part: NDArray[np.int64],
    depth: Image,
    start: Array,
    end: Array,
    front: Array,
    stretch: Array,
    radius: Array,
) -> Hits:
    """Normals and surface coordinates of the hits."""
    axis = np.einsum("kij,kj->ki", stretch, end - start)
    length2 = (axis * axis).sum(1)
    shrink = radius[:, 0] - radius[:, 1]
    d2 = np.maximum(length2 - shrink**2, 1e-9).astype(np.float32)  # a ball has no length
    local = np.einsum(
        "fij,fj->fi", stretch.astype(np.float32)[part], rays * depth[:, None] - start.astype(np.float32)[part]
    )
    axis32 = axis.astype(np.float32)[part]
    height = dots(local, axis32) - (radius[:, 0] * shrink).astype(np.float32)[part]
    inner = np.clip(height / d2[part], 0.0, 1.0)
    normal = local - axis32 * inner[:, None]
    normal = np.einsum("fij,fi->fj", stretch.astype(np.float32)[part], normal)  # gradients map by the transpose
    normal /= np.maximum(np.sqrt(dots(normal, normal)), 1e-9)[:, None]
    across = np.cross(end - start, front)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    return Hits(
        pixel=pixel,
        part=part,
        depth=depth,
        normal=normal,
        along=height / d2[part],
        facing=dots(normal, front.astype(np.float32)[part]),
        side=dots(normal, across.astype(np.float32)[part]),
    )

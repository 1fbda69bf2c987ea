"""What stands still, as one camera sees it: depth, lit colours and infrared return of every pixel. No torch.

Shapes: h w pixels, Q floor pixels near the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actionmae.data.synthetic.body import Array
from actionmae.data.synthetic.raycast import Image, cast_boxes, dots, turned
from actionmae.data.synthetic.scene import Camera, Light, Room

_FLOOR = 2  # face of a box: −x +x −y +y −z +z
SHADOW_REACH, SHADOW_CELLS = 3.0, 192
"""Shadows fall onto a square of floor, metres from the origin to its edge, and cells across it."""


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """The still scene of one camera.

    Attributes:
        rays: [h, w, 3] as `Camera.rays`.
        depth: [h, w] metres.
        color: [h, w, 3] linear light that reaches the colour camera.
        infrared: [h, w] reflectance × cosine towards the camera.
        cosine: [h, w] between the surface and the ray, 0 = grazing.
        floor: [Q] flat indices of floor pixels on which shadows may fall; `floor_cell` [Q] their flat shadow cells;
            `floor_direct` [Q, 3] the lamp's part of their colour.
    """

    rays: Image
    depth: Image
    color: Image
    infrared: Image
    cosine: Image
    floor: NDArray[np.int64]
    floor_cell: NDArray[np.int64]
    floor_direct: Image


def build_backdrop(camera: Camera, room: Room, light: Light, furniture: Sequence[Array], facing: float) -> Backdrop:
    """Cast and light the room and a take's furniture once.

    Args:
        camera: Colour or depth camera.
        room: The room.
        light: Its light.
        furniture: Boxes in axes turned by `facing`.
        facing: Radians.
    """
    rays = camera.rays()
    depth, face = cast_boxes(
        camera, rays, room.walls * [-1, 0, -1], room.walls * [1, 0, 1] + [0, 2.7, 0], room.turn, inside=True
    )
    surface, normal_turn, axis = face.copy(), np.full(depth.shape, room.turn), face // 2
    boxes = [(box, room.turn) for box in room.boxes] + [(box, facing) for box in furniture]
    for number, (box, turn) in enumerate(boxes):
        box_depth, face = cast_boxes(camera, rays, box[0], box[1], turn)
        nearer = box_depth < depth
        depth = np.where(nearer, box_depth, depth)
        surface[nearer], axis[nearer], normal_turn[nearer] = (
            min(6 + number, len(room.colors) - 1),
            face[nearer] // 2,
            turn,
        )
    normal = _normals(camera, rays, axis, normal_turn)
    points = (rays * depth[..., None]) @ camera.axes.astype(np.float32) + camera.position.astype(np.float32)
    albedo = _texture(room, surface, points)
    lamp = light.lamp.astype(np.float32) - points
    distance = np.sqrt(dots(lamp, lamp))
    world_normal = normal @ camera.axes.astype(np.float32)
    toward = np.abs(dots(world_normal, lamp)) / distance
    direct = albedo * (toward * np.minimum(6.0 / (distance**2 + 1.0), 1.5))[..., None] * light.color.astype(np.float32)
    cosine = np.abs(dots(normal, rays)) / np.sqrt(dots(rays, rays))
    cell = np.floor((points[..., [0, 2]] + SHADOW_REACH) * (SHADOW_CELLS / (2 * SHADOW_REACH))).astype(np.int64)
    floor = np.flatnonzero((surface == _FLOOR) & (cell >= 0).all(-1) & (cell < SHADOW_CELLS).all(-1))
    flat_cell = (cell[..., 1] * SHADOW_CELLS + cell[..., 0]).ravel()[floor]
    return Backdrop(
        rays=rays,
        depth=depth.astype(np.float32),
        color=(direct + albedo * light.ambient.astype(np.float32)).astype(np.float32),
        infrared=(room.infrared.astype(np.float32)[surface] * cosine).astype(np.float32),
        cosine=cosine.astype(np.float32),
        floor=floor,
        floor_cell=flat_cell,
        floor_direct=direct.reshape(-1, 3)[floor].astype(np.float32),
    )


def _normals(camera: Camera, rays: Image, axis: NDArray[np.int64], turn: Array) -> Image:
    """[h, w, 3] unit normals (sign free) in camera coordinates, from each pixel's box axis and that box's rotation."""
    normal = np.zeros_like(rays)
    for angle in np.unique(turn):
        axes = (turned(float(angle)) @ camera.axes.T).astype(np.float32)  # the box's axes in camera coordinates
        here = turn == angle
        normal[here] = axes[axis[here]]
    return normal


def _texture(room: Room, surface: NDArray[np.int64], points: Image) -> Image:
    """[h, w, 3] linear albedo: planks on the floor, panels on the walls, one colour on furniture."""
    local = points @ turned(room.turn).T.astype(np.float32)
    across = np.floor(local[..., 0] / room.planks[0]).astype(np.int64)
    along = np.floor(local[..., 2] / room.planks[1] + 0.37 * across).astype(np.int64)
    plank = ((across * 7919 + along * 104729) % 97) / np.float32(96)
    wide = np.where(np.isin(surface, (0, 1)), local[..., 2], local[..., 0])
    panel = (np.floor(wide / room.bands).astype(np.int64) % 2).astype(np.float32)
    skirting = (local[..., 1] < 0.1).astype(np.float32)
    mix = np.where(surface == _FLOOR, plank, np.where(surface < 6, np.maximum(0.5 * panel, skirting), 0.0))
    # Edges of furniture and dirt: a little unevenness everywhere.
    grain = 1 + 0.02 * np.sin(17 * local[..., 0] + 5 * local[..., 1]) * np.sin(13 * local[..., 2] - 7 * local[..., 1])
    mixed = room.colors[surface] * (1 - mix[..., None]) + room.accents[surface] * mix[..., None]
    return np.asarray(mixed * grain[..., None], dtype=np.float32)

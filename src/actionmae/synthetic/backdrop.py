"""What stands still, as one camera sees it: depth, lit colours and infrared return of every pixel. No torch.

Shapes: h w pixels, Q floor pixels near the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actionmae.synthetic.body import Array
from actionmae.synthetic.raycast import Image, cast_boxes, dots, turned
from actionmae.synthetic.scene import Camera, Light, Room

_FLOOR = 2  # face of a box: −x +x −y +y −z +z
SHADOW_REACH, SHADOW_CELLS = 3.0, 192
"""Shadows fall onto a square of floor, metres from the origin to its edge, and cells across it."""


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """The shape of the still scene as one camera sees it.

    Attributes:
        rays: [h, w, 3] as `Camera.rays`.
        depth: [h, w] metres.
        surface: [h, w] which of the room's surfaces (`Room.colors`).
        normal: [h, w, 3] unit, sign free, camera coordinates.
        echo: [h, w] infrared reflectance × cosine towards the camera.
    """

    rays: Image
    depth: Image
    surface: NDArray[np.int64]
    normal: Image
    echo: Image


@dataclass(frozen=True, kw_only=True)
class LitBackdrop:
    """The colours of the still scene.

    Attributes:
        color: [h, w, 3] linear light that reaches the camera.
        floor: [Q] flat indices of floor pixels on which shadows may fall.
        floor_cell: [Q] their flat shadow cells.
        floor_direct: [Q, 3] the lamp's part of their colour.
    """

    color: Image
    floor: NDArray[np.int64]
    floor_cell: NDArray[np.int64]
    floor_direct: Image


def build_backdrop(camera: Camera, room: Room, furniture: Sequence[Array], facing: float) -> Backdrop:
    """Cast the room and a take's furniture once.

    Args:
        camera: Colour or depth camera.
        room: The room.
        furniture: Boxes (lowest, highest corner) in axes turned by `facing`; of the last surface of the room.
        facing: Radians.
    """
    rays = camera.rays()
    low, high = room.walls * [-1, 0, -1], room.walls * [1, 1, 1]
    depth, surface = cast_boxes(camera, rays, low, high, room.turn, inside=True)
    normal = _axes(camera, room.turn)[surface // 2]
    boxes = [(box, room.turn) for box in room.boxes] + [(box, facing) for box in furniture]
    for number, (box, turn) in enumerate(boxes):
        window = _window(camera, box, turn)
        box_depth, face = cast_boxes(camera, rays[window], box[0], box[1], turn)
        nearer = box_depth < depth[window]
        depth[window][nearer] = box_depth[nearer]
        surface[window][nearer] = min(6 + number, len(room.colors) - 1)
        normal[window][nearer] = _axes(camera, turn)[face[nearer] // 2]
    cosine = np.abs(dots(normal, rays)) / np.sqrt(dots(rays, rays))
    echo = np.asarray(room.infrared.astype(np.float32)[surface] * cosine, dtype=np.float32)
    return Backdrop(rays=rays, depth=depth, surface=surface, normal=normal, echo=echo)


def light_backdrop(backdrop: Backdrop, camera: Camera, room: Room, light: Light) -> LitBackdrop:
    """Colour and light what a colour camera's backdrop shows."""
    axes = camera.axes.astype(np.float32)
    seen = (backdrop.rays * backdrop.depth[..., None]) @ axes + camera.position.astype(np.float32)
    points = np.asarray(seen, dtype=np.float32)
    albedo = _texture(room, backdrop.surface, points)
    lamp = light.lamp.astype(np.float32) - points
    distance2 = dots(lamp, lamp)
    toward = np.abs(dots(backdrop.normal @ axes, lamp)) / np.sqrt(distance2)
    direct = albedo * (toward * np.minimum(6.0 / (distance2 + 1.0), 1.5))[..., None] * light.color.astype(np.float32)
    cell = np.floor((points[..., [0, 2]] + SHADOW_REACH) * (SHADOW_CELLS / (2 * SHADOW_REACH))).astype(np.int64)
    near = (np.minimum(cell[..., 0], cell[..., 1]) >= 0) & (np.maximum(cell[..., 0], cell[..., 1]) < SHADOW_CELLS)
    floor = np.flatnonzero((backdrop.surface == _FLOOR) & near)
    return LitBackdrop(
        color=np.asarray(direct + albedo * light.ambient.astype(np.float32), dtype=np.float32),
        floor=floor,
        floor_cell=(cell[..., 1] * SHADOW_CELLS + cell[..., 0]).ravel()[floor],
        floor_direct=np.asarray(direct.reshape(-1, 3)[floor], dtype=np.float32),
    )


def _axes(camera: Camera, turn: float) -> Image:
    """[3, 3] a turned box's axes (rows) in camera coordinates."""
    return np.asarray(turned(turn) @ camera.axes.T, dtype=np.float32)


def _window(camera: Camera, box: Array, turn: float) -> tuple[slice, slice]:
    """Rows and columns that can see a box; all of them if it reaches behind the camera."""
    corners = np.array(np.meshgrid(*box.T)).reshape(3, -1).T @ turned(turn)
    if camera.to_camera(corners)[:, 2].min() < 0.1:
        return np.s_[:, :]
    pixels = camera.project(corners)
    (left, upper), (right, lower) = np.floor(pixels.min(0)), np.ceil(pixels.max(0)) + 1
    return np.s_[max(int(upper), 0) : max(int(lower), 0), max(int(left), 0) : max(int(right), 0)]


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

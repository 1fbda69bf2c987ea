"""Where it happens: cameras, a furnished room, lamps. No torch.

World: metres, y up, floor at 0, the person near the origin. Camera: x to the right of the image, y up, z away from the
camera, as Kinect v2 reports it (its images are mirrored, so the right hand of a person who faces it is on the right).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actionmae.core.seeds import numpy_generator
from actionmae.synthetic.body import Array

Size = tuple[int, int]
"""Width and height of a frame in pixels."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera.

    Attributes:
        position: [3] metres.
        axes: [3, 3] right, up and viewing direction as rows.
        focal: Pixels.
        center: (u, v) of the optical axis, pixels.
        size: (width, height) pixels.
    """

    position: Array
    axes: Array
    focal: float
    center: tuple[float, float]
    size: Size

    def to_camera(self, points: Array) -> Array:
        """World points [..., 3] in camera coordinates [..., 3], metres."""
        return (points - self.position) @ self.axes.T

    def project(self, points: Array) -> Array:
        """World points [..., 3] to pixels [..., 2] (u right, v down)."""
        x, y, z = np.moveaxis(self.to_camera(points), -1, 0)
        return np.stack([self.center[0] + self.focal * x / z, self.center[1] - self.focal * y / z], -1)

    def rays(self) -> NDArray[np.float32]:
        """[h, w, 3] camera coordinates of the point at z = 1 behind the middle of each pixel."""
        width, height = self.size
        u = (np.arange(width) - self.center[0]) / self.focal
        v = -(np.arange(height) - self.center[1]) / self.focal
        rays = np.ones((height, width, 3), dtype=np.float32)
        rays[..., 0], rays[..., 1] = u, v[:, None]
        return rays

    def enlarged(self, factor: int) -> Camera:
        """The same view with `factor` × `factor` pixels for each pixel."""
        middle = tuple((c + 0.5) * factor - 0.5 for c in self.center)
        return Camera(
            position=self.position,
            axes=self.axes,
            focal=self.focal * factor,
            center=(middle[0], middle[1]),
            size=(self.size[0] * factor, self.size[1] * factor),
        )


# Measured on a real NTU RGB+D sample: focal length 366.6 of 424 rows (depth, infrared) and 1056 of 1080 (colour), and
# the colour camera 72 mm beside the depth camera.
_DEPTH_FOCAL, _COLOR_FOCAL, _COLOR_OFFSET = 366.6 / 424, 1056.0 / 1080, 0.072
_AZIMUTHS = (0.0, -np.pi / 4, np.pi / 4)


def place_sensor(seed: int, setup: int, camera: int, color_size: Size, depth_size: Size) -> tuple[Camera, Camera]:
    """The colour and the depth camera of one sensor.

    The setup draws height and distance; camera 1 stands in the middle, 2 and 3 about 45° to either side. Both keep
    Kinect v2's vertical field of view, whatever the frame size.

    Args:
        seed: Of the data set.
        setup: Setup number.
        camera: 1, 2 or 3; further ones stand in between.
        color_size: (width, height) of RGB frames.
        depth_size: (width, height) of depth and infrared frames.
    """
    rng = numpy_generator(seed, "sensor", setup)
    height, distance = rng.uniform(1.0, 1.8), rng.uniform(2.4, 3.0)
    jitter = numpy_generator(seed, "sensor", setup, camera).uniform(-0.09, 0.09)
    azimuth = _AZIMUTHS[(camera - 1) % 3] + 0.2 * ((camera - 1) // 3) + jitter
    away = np.array([np.sin(azimuth), 0.0, -np.cos(azimuth)])
    position = distance * away + [0.0, height, 0.0]
    forward = np.array([0.0, 0.95, 0.0]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])

    def camera_of(size: Size, focal: float, at: Array) -> Camera:
        middle = ((size[0] - 1) / 2, (size[1] - 1) / 2)
        return Camera(position=at, axes=axes, focal=focal * size[1], center=middle, size=size)

    color = camera_of(color_size, _COLOR_FOCAL, position - _COLOR_OFFSET * right)
    return color, camera_of(depth_size, _DEPTH_FOCAL, position)


@dataclass(frozen=True, kw_only=True)
class Room:
    """Walls, floor, ceiling and boxes standing about.

    Attributes:
        turn: Rotation of the room about the vertical axis, radians.
        walls: [3] half width, height and half length, metres.
        boxes: [Q, 2, 3] lowest and highest corner of each box, metres, in the room's axes.
        colors: [6 + Q, 3] linear albedo of −x, +x, floor, ceiling, −z, +z and of the boxes.
        accents: [6 + Q, 3] the second colour.
        infrared: [6 + Q] reflectance near 850 nm.
        planks: (width, length) of the floor's planks or tiles, metres.
        bands: Width of the walls' panels, metres.
    """

    turn: float
    walls: Array
    boxes: Array
    colors: Array
    accents: Array
    infrared: Array
    planks: tuple[float, float]
    bands: float


def draw_room(seed: int, setup: int) -> Room:
    """The room of one setup."""
    rng = numpy_generator(seed, "room", setup)
    walls = np.array([rng.uniform(2.9, 3.8), rng.uniform(2.5, 3.2), rng.uniform(3.9, 4.6)])
    boxes = np.array([_furniture(rng, walls) for _ in range(int(rng.integers(3, 7)))])
    hues = rng.uniform(-1, 1, (6 + len(boxes), 3)) * np.array([0.08] * 6 + [0.2] * len(boxes))[:, None]
    value = np.concatenate([[rng.uniform(0.35, 0.85)] * 6, rng.uniform(0.08, 0.6, len(boxes))])
    value[2] = rng.uniform(0.06, 0.45)
    hues[[1, 4, 5]] = hues[0]
    colors = np.clip(value[:, None] + hues * value[:, None] * 2, 0.02, 0.95)
    infrared = rng.uniform(0.25, 0.8, len(colors))
    infrared[[1, 4, 5]] = infrared[0]
    return Room(
        turn=float(rng.uniform(-0.25, 0.25)),
        walls=walls,
        boxes=boxes,
        colors=colors,
        accents=np.clip(colors * rng.uniform(0.6, 1.15, (len(colors), 1)), 0.02, 0.95),
        infrared=infrared,
        planks=(float(rng.uniform(0.12, 0.5)), float(rng.uniform(0.5, 1.4))),
        bands=float(rng.uniform(0.25, 1.6)),
    )


def _furniture(rng: np.random.Generator, walls: Array) -> Array:
    """A cupboard, table or picture at the back or a side wall, away from the person."""
    size = rng.uniform([0.25, 0.4, 0.2], [0.7, 1.9, 0.45])
    low = 0.0 if rng.random() < 0.65 else float(rng.uniform(0.9, 1.3))
    if low:
        size = size * [1.0, 0.4, 0.1]
    if rng.random() < 0.6:
        x, z = rng.uniform(-0.8, 0.8) * walls[0], walls[2] - size[2]
    else:
        x, z = rng.choice([-1.0, 1.0]) * (walls[0] - size[0]), rng.uniform(0.0, 0.7) * walls[2]
    corner = np.array([x - size[0], low, z - size[2]])
    return np.stack([corner, corner + size * [2.0, 1.0, 2.0]])


def chair(seat: float) -> list[Array]:
    """A chair of six boxes (lowest, highest corner), behind the origin of axes whose z points backwards; metres."""
    legs = [((x, 0.0, z), (x + 0.04, seat - 0.05, z + 0.04)) for x in (-0.21, 0.17) for z in (0.12, 0.48)]
    top = [((-0.21, seat - 0.05, 0.1), (0.21, seat, 0.54)), ((-0.21, seat, 0.52), (0.21, seat + 0.42, 0.56))]
    return [np.array(box) for box in top + legs]


@dataclass(frozen=True, kw_only=True)
class Light:
    """The room's light; infrared sensors do not see it.

    Attributes:
        lamp: [3] position of the main lamp, metres.
        color: [3] linear colour and strength of the lamp at a surface that faces it.
        ambient: [3] linear colour of light from everywhere.
    """

    lamp: Array
    color: Array
    ambient: Array


def draw_light(seed: int, setup: int, take: str) -> Light:
    """Light of one take: the lamp belongs to the setup, its strength to the take; one take in five is nearly dark."""
    rng = numpy_generator(seed, "lamp", setup)
    lamp = np.array([rng.uniform(-2.0, 2.0), rng.uniform(2.2, 2.5), rng.uniform(-2.4, 0.3)])
    tint = np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.65, 1.05)])
    fraction = rng.uniform(0.35, 0.6)
    rng = numpy_generator(seed, "light", take)
    strength = rng.uniform(0.025, 0.1) if rng.random() < 0.2 else rng.uniform(0.5, 1.25)
    return Light(
        lamp=lamp, color=strength * (1 - fraction) * 1.5 * tint, ambient=strength * fraction * (0.5 + 0.5 * tint)
    )

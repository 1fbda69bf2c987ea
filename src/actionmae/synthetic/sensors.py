"""What a sensor makes of what it sees: a noisy colour camera, and a time-of-flight camera with holes. No torch.

Shapes: h w pixels of the sensor's frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.synthetic.backdrop import SHADOW_CELLS, SHADOW_REACH, Backdrop, LitBackdrop
from actionmae.synthetic.body import Array
from actionmae.synthetic.figure import HEAD, PLAIN, PRINT, STRIPES, Capsules
from actionmae.synthetic.raycast import Hits, Image, cast_capsules, dots
from actionmae.synthetic.scene import Camera, Light

_BASELINE = 0.06  # metres from the infrared emitter to the depth camera: what only one of them sees has no reading
_RANGE = (0.5, 8.0)  # metres
_MARGIN = 48  # noise tiles are larger than a frame by this, and read from a new corner for each frame


class _Noise:
    """Unit normal noise, drawn once and read from a new corner for every frame: quick, and never the same twice."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
        self._rng, self._shape = rng, shape
        tile = (shape[0] + _MARGIN, shape[1] + _MARGIN, *shape[2:])
        self._tile = rng.standard_normal(tile, dtype=np.float32)

    def draw(self) -> Image:
        row, column = self._rng.integers(0, _MARGIN, 2)
        return self._tile[row : row + self._shape[0], column : column + self._shape[1]]


class ColorSensor:
    """RGB: lamps, cloth, shadows, exposure, noise.

    Args:
        camera: What is cast; with `shrink` twice the frame's size in each direction.
        backdrop: Of that camera.
        lit: Its colours.
        light: The room's light.
        rng: Of the noise.
        shrink: Average 2 × 2 rays for each pixel of the frame.
    """

    def __init__(
        self,
        camera: Camera,
        backdrop: Backdrop,
        lit: LitBackdrop,
        light: Light,
        rng: np.random.Generator,
        *,
        shrink: bool,
    ) -> None:
        self._camera, self._backdrop, self._lit, self._light = camera, backdrop, lit, light
        width, height = (side // 2 for side in camera.size) if shrink else camera.size
        self._size = (width, height)
        self._noise = _Noise(rng, (height, width, 3))
        # Automatic exposure, which gives up halfway where it is dark.
        self._gain = float(np.clip((0.3 / (float(lit.color.mean()) + 1e-6)) ** 0.5, 0.5, 2.2))

    def expose(self, capsules: Capsules, frame: int) -> NDArray[np.uint8]:
        """[h, w, 3] one frame."""
        lit = self._lit
        hits = cast_capsules(self._camera, self._backdrop.rays, capsules, frame, self._backdrop.depth)
        image = lit.color.copy()
        flat = image.reshape(-1, 3)
        shadow = _shadow(capsules, frame, self._light).ravel()[lit.floor_cell]
        dark = np.flatnonzero(shadow)
        flat[lit.floor[dark]] -= lit.floor_direct[dark] * shadow[dark, None]
        flat[hits.pixel] = self._shade(capsules, hits)
        if self._size != self._camera.size:
            image = np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), dtype=np.float32)
        # Read noise and photon noise; the gain lifts both.
        noise = self._noise.draw() * np.sqrt(0.005**2 + 0.0006 * image)
        linear = np.clip((image + noise) * self._gain, 0.0, 1.0)
        return np.asarray(255 * np.sqrt(linear) + 0.5, dtype=np.uint8)  # the display's gamma, near enough

    def _shade(self, capsules: Capsules, hits: Hits) -> Image:
        """[F, 3] linear light from the hits."""
        axes = self._camera.axes.astype(np.float32)
        lamp = (axes @ (self._light.lamp - self._camera.position)).astype(np.float32)
        points = self._backdrop.rays.reshape(-1, 3)[hits.pixel] * hits.depth[:, None]
        toward = lamp - points
        distance2 = dots(toward, toward)
        cosine = np.maximum(dots(hits.normal, toward) / np.sqrt(distance2), 0.0)
        up = hits.normal @ axes[:, 1]
        direct = (cosine * np.minimum(6.0 / (distance2 + 1.0), 1.5))[:, None] * self._light.color.astype(np.float32)
        ambient = (0.75 + 0.25 * up)[:, None] * self._light.ambient.astype(np.float32)
        return np.asarray(_albedo(capsules, hits) * (direct + ambient), dtype=np.float32)


def _albedo(capsules: Capsules, hits: Hits) -> Image:
    """[F, 3] linear colour of each hit: bands, prints, hair and eyes."""
    pattern = capsules.pattern[hits.part]
    accent = np.zeros(len(hits.part), dtype=np.bool_)
    accent |= (pattern == STRIPES) & (np.sin(hits.along * 14.0) > 0.3)
    accent |= (pattern == PRINT) & (hits.facing > 0.8) & (np.abs(hits.along - 0.55) < 0.22)
    eyes = (hits.facing > 0.7) & (np.abs(np.abs(hits.side) - 0.38) < 0.12) & (np.abs(hits.along - 0.45) < 0.2)
    hair = (hits.facing < -0.1) | (hits.along > 1.15 - 0.25 * (hits.facing < 0.35))
    accent |= (pattern == HEAD) & (eyes | hair)
    colors = np.where(accent[:, None], capsules.accent[hits.part], capsules.albedo[hits.part])
    return colors.astype(np.float32)


def _shadow(capsules: Capsules, frame: int, light: Light) -> Image:
    """[cells, cells] fraction of the lamp's light that the figures keep from the floor."""

    def cast(points: Array) -> Array:
        toward = points - light.lamp
        on_floor = light.lamp + toward * (light.lamp[1] / np.maximum(-toward[:, 1:2], 0.2))
        return np.asarray((on_floor[:, [0, 2]] + SHADOW_REACH) * (SHADOW_CELLS / (2 * SHADOW_REACH)))

    start, end = cast(capsules.start[frame]), cast(capsules.end[frame])
    width = np.maximum(2 * capsules.radius.mean(1) * SHADOW_CELLS / (2 * SHADOW_REACH), 1).round().astype(int)
    canvas = np.zeros((SHADOW_CELLS, SHADOW_CELLS), dtype=np.uint8)
    limit = 4 * SHADOW_CELLS  # far shadows leave the canvas; OpenCV wants small integers
    for a, b, thick in zip(np.clip(start, -limit, limit), np.clip(end, -limit, limit), width, strict=True):
        cv2.line(canvas, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 255, int(thick))
    return cv2.blur(canvas, (5, 5)).astype(np.float32) * np.float32(0.85 / 255)


@dataclass(frozen=True, kw_only=True)
class DepthFrame:
    """One frame of the time-of-flight camera.

    Attributes:
        millimetres: [h, w] uint16, 0 = no reading.
        infrared: [h, w] uint8.
        person: [h, w] bool, a person or what he holds.
        surface: [h, w] metres, the true depth.
    """

    millimetres: NDArray[np.uint16]
    infrared: NDArray[np.uint8]
    person: NDArray[np.bool_]
    surface: Image


class DepthSensor:
    """Depth and active infrared from one camera with its own lamp; the room's light does not matter.

    Args:
        camera: The depth camera.
        backdrop: Of that camera.
        rng: Of the noise.
        gain_rng: Of the infrared lamp's strength.
    """

    def __init__(
        self, camera: Camera, backdrop: Backdrop, rng: np.random.Generator, gain_rng: np.random.Generator
    ) -> None:
        self._camera, self._backdrop = camera, backdrop
        self._noise = _Noise(rng, (camera.size[1], camera.size[0]))
        rays = backdrop.rays
        # The lamp fades towards the corners, and light spreads with the square of the distance along the ray.
        off_axis = (rays[..., 0] ** 2 + rays[..., 1] ** 2).astype(np.float32)
        self._lamp = np.float32(gain_rng.uniform(4.5, 8.0)) * np.exp(-1.3 * off_axis) / (1 + off_axis)

    def measure(self, capsules: Capsules, frame: int) -> DepthFrame:
        """One frame."""
        backdrop = self._backdrop
        hits = cast_capsules(self._camera, backdrop.rays, capsules, frame, backdrop.depth)
        surface, reflect = backdrop.depth.copy(), backdrop.echo.copy()
        person = np.zeros(surface.shape, dtype=np.bool_)
        rays = backdrop.rays.reshape(-1, 3)[hits.pixel]
        cosine = np.abs(dots(hits.normal, rays)) / np.sqrt(dots(rays, rays))
        surface.ravel()[hits.pixel] = hits.depth
        reflect.ravel()[hits.pixel] = _reflectance(capsules, hits) * cosine
        person.ravel()[hits.pixel] = True
        echo = self._lamp * reflect / (surface * surface)
        infrared = np.sqrt(np.clip(echo, 0.0, 1.0)) + 0.012 * self._noise.draw()
        hidden = _unlit(surface, self._camera.focal)
        lost = hidden | (echo * (1 + 0.35 * self._noise.draw()) < 0.028) | (echo > 2.5)
        lost |= (surface < _RANGE[0]) | (surface > _RANGE[1])
        return DepthFrame(
            millimetres=np.where(lost, 0, self._quantised(surface)).astype(np.uint16),
            infrared=np.clip(255 * np.where(hidden, 0.35 * infrared, infrared), 0, 255).astype(np.uint8),
            person=person,
            surface=surface,
        )

    def _quantised(self, surface: Image) -> Image:
        """Millimetres in steps that grow with the square of the distance (about 9 mm at 3 m), noise of half a step."""
        inverse = np.float32(1000.0) / surface + 0.5 * self._noise.draw()
        return np.round(np.float32(1e6) / np.maximum(np.round(inverse), 1.0))


def _reflectance(capsules: Capsules, hits: Hits) -> Image:
    """[F] near 850 nm; hair swallows it."""
    hair = (capsules.pattern[hits.part] == HEAD) & ((hits.facing < -0.1) | (hits.along > 0.95))
    dark_print = (capsules.pattern[hits.part] != PLAIN) & (np.sin(hits.along * 14.0) > 0.3) & ~hair
    return (capsules.infrared[hits.part] * np.where(hair, 0.25, np.where(dark_print, 0.9, 1.0))).astype(np.float32)


def _unlit(surface: Image, focal: float) -> NDArray[np.bool_]:
    """[h, w] what the camera sees but its lamp, to the left of it, does not: a shadow on one side of every edge.

    Seen from the lamp, a pixel lies `baseline · focal / depth` columns further right; one that falls behind a pixel
    which comes before it in its row is hidden.
    """
    column = np.arange(surface.shape[1], dtype=np.float32) + np.float32(_BASELINE * focal) / surface
    return column < np.maximum.accumulate(column, axis=1) - 0.25

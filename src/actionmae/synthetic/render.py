"""One recording: a performance in a room, seen by one sensor as RGB, depth, infrared and skeleton. No torch.

Shapes: n frames, P persons, h w pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actionmae.core.seeds import numpy_generator
from actionmae.data.layouts.ntu import SampleName
from actionmae.synthetic.actions import ACTIONS
from actionmae.synthetic.backdrop import build_backdrop, light_backdrop
from actionmae.synthetic.body import Array
from actionmae.synthetic.performance import Performance, perform
from actionmae.synthetic.raycast import Image
from actionmae.synthetic.scene import Camera, Size, draw_light, draw_room, place_sensor
from actionmae.synthetic.sensors import ColorSensor, DepthSensor

DURATION = 2.5
"""Seconds that a recording lasts, whatever its number of frames."""

Sizes = tuple[Size, Size]
"""(width, height) of RGB frames, and of depth and infrared frames, pixels."""

_OVERSAMPLED_BELOW = 300  # rows; smaller colour frames get 2 × 2 rays per pixel
_HIDDEN = 0.18  # metres that a joint may lie behind the visible surface before it counts as hidden


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What one sensor recorded.

    Attributes:
        name: Its NTU RGB+D name.
        fps: Frames per second.
        rgb: [n, h, w, 3] uint8.
        depth: [n, h, w] uint16 millimetres, 0 = no reading.
        ir: [n, h, w] uint8 active infrared, of depth's size.
        person: [n, h, w] bool, where depth frames show a person or what is held.
        joints: [n, P, 25, 3] metres, camera coordinates of the depth sensor.
        depth_xy: [n, P, 25, 2] pixels (u, v) of the joints in depth frames; `color_xy` in RGB frames.
        tracking: [n, P, 25] 2 = tracked, 1 = inferred (hidden, or outside of the frame).
    """

    name: SampleName
    fps: float
    rgb: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    ir: NDArray[np.uint8]
    person: NDArray[np.bool_]
    joints: Array
    depth_xy: Array
    color_xy: Array
    tracking: NDArray[np.int64]


def render_clip(
    name: SampleName,
    *,
    seed: int = 0,
    num_frames: int = 24,
    size: Sizes = ((128, 128), (128, 128)),
) -> Recording:
    """Render one recording; a function of its arguments alone.

    The cameras of one setup see the same performance: it depends on everything in the name but the camera.

    Args:
        name: Setup → room and sensor; camera → viewpoint; subject → body and clothes; repetition → speed, size, side;
            action → one of `ACTIONS`.
        seed: Of the data set, at least 0.
        num_frames: n.
        size: (width, height) of RGB frames and of depth and infrared frames, pixels.

    Raises:
        ValueError: If the action cannot be rendered, or a size or the number of frames is below 1.
    """
    _check(name, num_frames, size)
    show = perform(name, seed=seed, num_frames=num_frames)
    color, depth = place_sensor(seed, name.setup, name.camera, *size)
    room = draw_room(seed, name.setup)
    light = draw_light(seed, name.setup, f"P{name.subject}R{name.repetition}A{name.action}")
    shrink = size[0][1] < _OVERSAMPLED_BELOW
    fine = color.enlarged(2) if shrink else color
    backdrop = build_backdrop(fine, room, show.furniture, show.facing)
    lit = light_backdrop(backdrop, fine, room, light)
    color_sensor = ColorSensor(fine, backdrop, lit, light, numpy_generator(seed, "color noise", name), shrink=shrink)
    rgb = [color_sensor.expose(show.capsules, frame) for frame in range(num_frames)]
    backdrop = build_backdrop(depth, room, show.furniture, show.facing)
    gain = numpy_generator(seed, "infrared lamp", name.setup)
    depth_sensor = DepthSensor(depth, backdrop, numpy_generator(seed, "depth noise", name), gain)
    frames = [depth_sensor.measure(show.capsules, frame) for frame in range(num_frames)]
    rng = numpy_generator(seed, "joint noise", name)
    joints, depth_xy, color_xy, tracking = _track(show, color, depth, [frame.surface for frame in frames], rng)
    return Recording(
        name=name,
        fps=max(1.0, float(round(num_frames / DURATION))),
        rgb=np.stack(rgb),
        depth=np.stack([frame.millimetres for frame in frames]),
        ir=np.stack([frame.infrared for frame in frames]),
        person=np.stack([frame.person for frame in frames]),
        joints=joints,
        depth_xy=depth_xy,
        color_xy=color_xy,
        tracking=tracking,
    )


def _check(name: SampleName, num_frames: int, size: Sizes) -> None:
    if name.action not in ACTIONS:
        known = ", ".join(map(str, ACTIONS))
        raise ValueError(f"action {name.action} cannot be rendered: choose from {known}")
    if num_frames < 1:
        raise ValueError(f"num_frames is {num_frames}: give at least 1")
    if min(*size[0], *size[1]) < 1:
        raise ValueError(f"size is {size}: give widths and heights in pixels, each at least 1")


def _track(
    show: Performance, color: Camera, depth: Camera, surfaces: list[Image], rng: np.random.Generator
) -> tuple[Array, Array, Array, NDArray[np.int64]]:
    """The skeleton as the sensor's software reports it: about a centimetre off, worse where a joint is hidden."""
    world = np.stack([skeleton.joints for skeleton in show.skeletons], 1)  # [n, P, 25, 3]
    pixel = np.round(depth.project(world)).astype(np.int64)
    width, height = depth.size
    inside = (pixel >= 0).all(-1) & (pixel < [width, height]).all(-1)
    u, v = np.clip(pixel[..., 0], 0, width - 1), np.clip(pixel[..., 1], 0, height - 1)
    frame = np.arange(len(world))[:, None, None]
    visible = np.stack(surfaces)[frame, v, u]  # [n, P, 25]
    tracked = inside & (depth.to_camera(world)[..., 2] - visible < _HIDDEN)
    spread = np.where(tracked, 0.006, 0.02)[..., None]
    world = world + spread * rng.standard_normal(world.shape)
    return depth.to_camera(world), depth.project(world), color.project(world), np.where(tracked, 2, 1)

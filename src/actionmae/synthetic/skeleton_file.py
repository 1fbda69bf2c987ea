"""Skeletons in the text form of NTU RGB+D, as Kinect v2's software reports them. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.synthetic.body import JOINTS, PARENTS, Array
from actionmae.synthetic.render import Recording

_FIRST_BODY = 72057594037930000
# (width, height) of the sensor's images, of whose pixels the text speaks; rendered ones are smaller copies of them.
_DEPTH_SIZE, _COLOR_SIZE = (512, 424), (1920, 1080)
_LEAVES = frozenset({"head", "foot_left", "foot_right", "hand_tip_left", "hand_tip_right", "thumb_left", "thumb_right"})


def skeleton_text(recording: Recording) -> str:
    """The `.skeleton` file of a recording.

    Frame count; per frame the body count; per body ten fields (id, clipped edges, confidence and state of both hands,
    restricted, lean x and y, tracking state) and the joint count; per joint x y z (metres), depth x y (pixels of
    512 × 424 images), colour x y (of 1920 × 1080), orientation w x y z, tracking state.
    """
    depth_xy = _enlarged(recording.depth_xy, recording.depth, _DEPTH_SIZE)
    color_xy = _enlarged(recording.color_xy, recording.rgb, _COLOR_SIZE)
    turns = _orientations(recording.joints)
    num_frames, persons = recording.joints.shape[:2]
    lines = [str(num_frames)]
    for frame in range(num_frames):
        lines.append(str(persons))
        for person in range(persons):
            lines += [f"{_FIRST_BODY + 7 * recording.name.subject + person} 0 1 1 1 1 0 0 0 2", str(len(JOINTS))]
            numbers = np.concatenate([part[frame, person] for part in (recording.joints, depth_xy, color_xy, turns)], 1)
            states = recording.tracking[frame, person]
            lines += [
                " ".join(f"{number:.7g}" for number in joint) + f" {state}"
                for joint, state in zip(numbers, states, strict=True)
            ]
    return "\n".join(lines) + "\n"


def _enlarged(points: Array, images: NDArray[Any], size: tuple[int, int]) -> Array:
    """[…, 2] x, y in pixels of the rendered images → in those of the sensor; a pixel's middle is a whole number."""
    height, width = images.shape[1:3]
    return np.asarray((points + 0.5) * (size[0] / width, size[1] / height) - 0.5)


def _orientations(joints: Array) -> Array:
    """[…, 25, 4] quaternions (w x y z) that turn y into each joint's bone; 0 for the outermost, as Kinect does."""
    bones = joints - joints[..., list(PARENTS), :]
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    along = np.where(length > 1e-6, bones / np.maximum(length, 1e-6), [0.0, 1.0, 0.0])
    turns = np.stack([1 + along[..., 1], along[..., 2], np.zeros_like(along[..., 0]), -along[..., 0]], -1)
    turns /= np.maximum(np.linalg.norm(turns, axis=-1, keepdims=True), 1e-6)
    turns[..., [name in _LEAVES for name in JOINTS], :] = 0.0
    return turns

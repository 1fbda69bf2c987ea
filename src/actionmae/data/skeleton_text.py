"""The `.skeleton` text of NTU RGB+D: bodies per frame → persons followed through the clip. No torch.

Per file: the number of frames. Per frame: the number of bodies. Per body: ten fields (the first is its id), the number
of joints, then twelve numbers a joint: x, y, z in metres, where it is in the depth (and infrared) image and in the
colour image (x, y in pixels each), and five more.

Body ids can swap, and a body that was lost can come back under another id, so a person is followed by id *and* place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Joints = NDArray[np.float32]
"""[J, 7] of one body: metres (3), pixels in depth (2) and colour images (2)."""

_BODY_FIELDS, _JOINT_FIELDS = 10, 12
_METRES, _DEPTH_PIXELS, _COLOR_PIXELS, _USED = slice(0, 3), slice(3, 5), slice(5, 7), slice(0, 7)
# A place counts as the same person's when it is nearer than this; an id is worth as much as this distance.
_NEAR_METRES = 0.5
_NEVER = 1e6


@dataclass
class _Track:
    """One person: where it is seen, and under which id it was seen last."""

    body: str
    frames: dict[int, Joints] = field(default_factory=dict)
    centre: NDArray[np.float32] = field(default_factory=lambda: np.zeros(3, dtype=np.float32))

    def add(self, frame: int, body: str, joints: Joints) -> None:
        self.body, self.frames[frame], self.centre = body, joints, _centre(joints)

    def weight(self) -> tuple[float, int]:
        """How much it moves and how long it is seen; a chair taken for a body does neither."""
        joints = np.stack([joints[:, _METRES] for joints in self.frames.values()])
        return float(joints.std(axis=0).sum()) * len(self.frames), len(self.frames)


def read_skeleton_text(path: Path, *, num_persons: int, num_joints: int) -> NDArray[np.float32]:
    """Read a `.skeleton` file.

    Args:
        path: The file.
        num_persons: P; of more bodies those that move most, longest, are kept.
        num_joints: J, which the file must have.

    Returns:
        [T, P, J, 3] metres, NaN where a person is not seen; the person who moves most is the first.

    Raises:
        ValueError: If the file is cut off, has other joints, NaN coordinates, or no body at all.
    """
    return _read(path, num_persons, num_joints)[..., _METRES]


@dataclass(frozen=True, kw_only=True)
class JointPixels:
    """Where the persons of a clip are in its images; NaN where a person is not seen, other values may be useless, too.

    Attributes:
        depth: [T, P, J, 2] float32 x, y in pixels of the depth and infrared images, as the sensor has them (512 × 424).
        color: [T, P, J, 2] float32 x, y in pixels of the colour images (1920 × 1080).
    """

    depth: NDArray[np.float32]
    color: NDArray[np.float32]


def read_joint_pixels(path: Path, *, num_persons: int, num_joints: int) -> JointPixels:
    """Read where the persons are in the images; arguments and errors as in `read_skeleton_text`."""
    numbers = _read(path, num_persons, num_joints)
    return JointPixels(depth=numbers[..., _DEPTH_PIXELS], color=numbers[..., _COLOR_PIXELS])


def _read(path: Path, num_persons: int, num_joints: int) -> NDArray[np.float32]:
    """[T, P, J, 7], NaN where a person is not seen."""
    bodies = _parse(path, num_joints)
    slots = _slots(_follow(bodies), num_persons)
    out = np.full((len(bodies), num_persons, num_joints, _USED.stop), np.nan, dtype=np.float32)
    for person, frames in enumerate(slots):
        for frame, joints in frames.items():
            out[frame, person] = joints
    if np.isnan(out[..., _METRES]).all():
        raise ValueError(f"{path} holds no body in any frame: leave this cell of the manifest empty")
    return out


def _parse(path: Path, num_joints: int) -> list[dict[str, Joints]]:
    """Per frame: id → joints."""
    words = path.read_text(errors="replace").split()
    bodies: list[dict[str, Joints]] = []
    at = 1
    try:
        for _ in range(int(words[0])):
            bodies.append({})
            count, at = int(words[at]), at + 1
            for _ in range(count):
                body, joints = words[at], int(words[at + _BODY_FIELDS])
                at += _BODY_FIELDS + 1
                if joints != num_joints:
                    raise _WrongError(f"has {joints} joints, the modality {num_joints}: change the modality's shape")
                numbers = np.array(words[at : at + joints * _JOINT_FIELDS], dtype=np.float32)
                at += joints * _JOINT_FIELDS
                bodies[-1][body] = numbers.reshape(joints, _JOINT_FIELDS)[:, _USED]
                if not np.isfinite(bodies[-1][body][:, _METRES]).all():
                    raise _WrongError(f"has NaN or infinite joints in frame {len(bodies) - 1}: leave its cell empty")
    except _WrongError as error:
        raise ValueError(f"{path} {error}") from None
    except (IndexError, ValueError) as error:
        frame = len(bodies) - 1
        raise ValueError(f"{path} is cut off or no skeleton text at frame {frame} ({error}): copy it again") from error
    return bodies


class _WrongError(Exception):
    """Complete text with content that cannot be used; becomes a ValueError with the file's name."""


def _follow(bodies: list[dict[str, Joints]]) -> list[_Track]:
    """Join the bodies of all frames to persons: in every frame the cheapest assignment of bodies to known persons."""
    tracks: list[_Track] = []
    for frame, seen in enumerate(bodies):
        ids = list(seen)
        cost = np.full((len(ids), len(tracks)), _NEVER)
        for row, body in enumerate(ids):
            for column, track in enumerate(tracks):
                distance = float(np.linalg.norm(_centre(seen[body]) - track.centre))
                if body == track.body:
                    cost[row, column] = distance - _NEAR_METRES
                elif distance < _NEAR_METRES:
                    cost[row, column] = distance
        matched = {
            int(row): tracks[column] for row, column in zip(*linear_sum_assignment(cost), strict=True)
            if cost[row, column] < _NEVER
        }  # fmt: skip
        for row, body in enumerate(ids):
            if row not in matched:
                matched[row] = _Track(body)
                tracks.append(matched[row])
            matched[row].add(frame, body, seen[body])
    return tracks


def _centre(joints: Joints) -> NDArray[np.float32]:
    """[3] metres."""
    return np.asarray(joints[:, _METRES].mean(axis=0))


def _slots(tracks: list[_Track], num_persons: int) -> list[dict[int, Joints]]:
    """Persons into P slots, the weightiest first; a further person takes a slot that is free whenever it is seen."""
    slots: list[dict[int, Joints]] = [{} for _ in range(num_persons)]
    for track in sorted(tracks, key=_Track.weight, reverse=True):
        empty = [slot for slot in slots if not slot]
        free = [slot for slot in slots if not slot.keys() & track.frames.keys()]
        for slot in (empty or free)[:1]:
            slot.update(track.frames)
    return slots

"""The `.skeleton` text of NTU RGB+D: bodies per frame → persons followed through the clip. No torch.

Per file: the number of frames. Per frame: the number of bodies. Per body: ten fields (the first is its id), the number
of joints, then twelve numbers a joint: x, y, z in metres, where it is in the depth (and infrared) image and in the
colour image (x, y in pixels each), and five more.

Body ids cannot be relied on: `body_tracks` makes persons of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionmae.data.reading.body_tracks import follow_persons
from actionmae.data.utf8 import read_utf8

Joints = NDArray[np.float32]
"""[J, 7] of one body: metres (3), pixels in depth (2) and colour images (2)."""

_BODY_FIELDS, _JOINT_FIELDS = 10, 12
_METRES, _DEPTH_PIXELS, _COLOR_PIXELS, _USED = slice(0, 3), slice(3, 5), slice(5, 7), slice(0, 7)


def read_skeleton_text(path: Path, *, num_persons: int, num_joints: int) -> NDArray[np.float32]:
    """Read a `.skeleton` file.

    Args:
        path: The file.
        num_persons: P; of more persons those who move most, longest, are kept.
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
    out = np.full((len(bodies), num_persons, num_joints, _USED.stop), np.nan, dtype=np.float32)
    for person, frames in enumerate(follow_persons(bodies, num_persons)):
        for frame, joints in frames.items():
            out[frame, person] = joints
    if np.isnan(out[..., _METRES]).all():
        raise ValueError(f"{path} holds no body in any frame: leave this cell of the manifest empty")
    return out


def _parse(path: Path, num_joints: int) -> list[dict[str, Joints]]:
    """Per frame: id → joints."""
    words = read_utf8(path).split()
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

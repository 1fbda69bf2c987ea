"""Skeletons kept as one text per frame, as NW-UCLA has them: `frame_<n>_tc_<t>_skeletons.txt`. No torch.

The first line counts; then one line `x,y,z,confidence` a joint, J of them for each person; a line that is no such list
ends a person. A text without any joint is a frame in which nobody was seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionmae.data.cell import Cell
from actionmae.data.reading.frame_files import TEXTS, list_frames
from actionmae.data.utf8 import read_utf8


def read_skeleton_frames(cell: Cell, *, num_persons: int, num_joints: int) -> NDArray[np.float32]:
    """Read all frames of one clip.

    Args:
        cell: Which texts, for example `clip/*_skeletons.txt`.
        num_persons: P; persons are taken in the file's order, further ones are left out.
        num_joints: J, which the files must have.

    Returns:
        [T, P, J, 3] in the files' unit, NaN where a person is not seen.

    Raises:
        ValueError: If there is no text, one is cut off or has other joints, or nobody is in any frame.
    """
    files = list_frames(cell, TEXTS)
    if not files:
        raise ValueError(f"{cell} names no skeleton texts: give a folder and a pattern, as in clip/*_skeletons.txt")
    out = np.full((len(files), num_persons, num_joints, 3), np.nan, dtype=np.float32)
    for frame, file in enumerate(files):
        persons = _persons(file, num_joints)[:num_persons]
        for person, joints in enumerate(persons):
            out[frame, person] = joints
    if np.isnan(out).all():
        raise ValueError(f"{cell} holds no body in any frame: leave this cell of the manifest empty")
    return out


def _persons(file: Path, num_joints: int) -> list[NDArray[np.float32]]:
    """Each person's joints [J, 3]."""
    blocks: list[list[list[float]]] = [[]]
    for line in read_utf8(file).splitlines()[1:]:
        fields = line.strip().rstrip(",").split(",")
        if len(fields) < 3:
            blocks.append([])
            continue
        try:
            blocks[-1].append([float(field) for field in fields[:3]])
        except ValueError:
            raise ValueError(f"{file} has the line {line.strip()!r}: a joint is x,y,z,confidence") from None
    persons = []
    for block in blocks:
        if len(block) % num_joints:
            raise ValueError(
                f"{file} has {len(block)} joints, the modality {num_joints}: copy it again or change the shape"
            )
        joints = np.array(block, dtype=np.float32).reshape(-1, num_joints, 3)
        if not np.isfinite(joints).all():
            raise ValueError(f"{file} has NaN or infinite joints: leave its cell of the manifest empty")
        persons += list(joints)
    return persons

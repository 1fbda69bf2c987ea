"""Recordings as UWA3D Multiview II stores them, quirks included. No torch.

RGB `001,.jpg` of take e01; depth `001.png` of take e00, a region of interest whose size follows the person; a skeleton
file of MATLAB's -v7.3 (HDF5), in whose name take and view are exchanged.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionmae.synthetic.image_files import whole_folder, write_image
from actionmae.synthetic.render import Recording

ACTIONS = {1: 16, 6: 21, 8: 5, 9: 6, 23: 1, 24: 23, 27: 24, 35: 18}
"""NTU RGB+D's action → UWA3D's: drinking, picking up, sitting down, standing up, waving, kicking, jumping, bending."""


OPENNI_JOINTS = (3, 2, 1, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 19)
"""The 15 joints of OpenNI among the 25 of Kinect v2, in its order."""

_MATLAB = b"MATLAB 7.3 MAT-file, rendered".ljust(124) + b"\x00\x02IM"


def write_uwa3d(
    out: Path, recording: Recording, *, view: int, short_depth: int = 0, whole: bool = False
) -> tuple[Path, Path, Path]:
    """Write one recording below `out`.

    Args:
        out: Folder of the data set.
        recording: Its action is one of `ACTIONS`.
        view: 1–4.
        short_depth: So many frames at the end have no depth file.
        whole: Write whole depth frames beside the regions of interest.

    Returns:
        The folders of RGB and depth, and the skeleton file.
    """
    name = recording.name
    action, take = f"a{ACTIONS[name.action]:02d}_s{name.subject:02d}", name.repetition
    rgb = out / "UWA3DII_RGB" / "UWA3D-RGB" / f"{action}_v{view:02d}_e{take:02d}"
    depth = out / "UWA3DII_Depth_ROI" / "UWA3D-Depth" / f"{action}_v{view:02d}_e{take - 1:02d}"
    skeleton = out / "ActionsSkeleton" / f"{action}_e{take:02d}_v{view:02d}.mat"
    with whole_folder(rgb) as unfinished:
        for number, image in enumerate(recording.rgb, start=1):
            write_image(unfinished / f"{number:03d},.jpg", image)
    frames = recording.depth[: len(recording.depth) - short_depth]
    _write_depth(depth, [_region(frame, person) for frame, person in zip(frames, recording.person, strict=False)])
    if whole:
        _write_depth(depth.parent / "WholeFrames" / depth.name, list(frames))
    _write_skeleton(skeleton, recording)
    return rgb, depth, skeleton


def _region(frame: NDArray[np.uint16], person: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """The smallest part of the frame that shows the person, without what is behind."""
    rows, columns = (np.flatnonzero(person.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((1, 1), dtype=np.uint16)
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.where(person[part], frame[part], 0).astype(np.uint16)


def _write_depth(folder: Path, frames: list[NDArray[np.uint16]]) -> None:
    with whole_folder(folder) as unfinished:
        for number, image in enumerate(frames, start=1):
            write_image(unfinished / f"{number:03d}.png", image)


def _write_skeleton(path: Path, recording: Recording) -> None:
    """[45, n] in MATLAB's axes: x, y, z (metres) of each joint in turn."""
    import h5py

    joints = recording.joints[:, 0, list(OPENNI_JOINTS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name("unfinished-" + path.name)
    with h5py.File(unfinished, "w", userblock_size=512) as file:
        file["A"] = joints.reshape(len(joints), -1)
    with unfinished.open("r+b") as opened:
        opened.write(_MATLAB)
    unfinished.replace(path)

"""Recordings as UWA3D Multiview II stores them: RGB `001,.jpg` of take e01, depth `001.png` of take e00. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionmae.data.synthetic.image_files import whole_folder, write_image
from actionmae.data.synthetic.render import Recording

ACTIONS = {1: 16, 6: 21, 8: 5, 9: 6, 23: 1, 24: 23, 27: 24, 35: 18}
"""NTU RGB+D's action → UWA3D's: drinking, picking up, sitting down, standing up, waving, kicking, jumping, bending."""


def write_uwa3d(out: Path, recording: Recording, *, view: int, short_depth: int = 0) -> tuple[Path, Path]:
    """Write one recording as a pair of folders below `out`.

    Args:
        out: Folder of the data set.
        recording: Its action is one of `ACTIONS`.
        view: 1–4.
        short_depth: So many frames at the end have no depth file.

    Returns:
        The folders of RGB and depth.
    """
    name = recording.name
    clip = f"a{ACTIONS[name.action]:02d}_s{name.subject:02d}_v{view:02d}"
    rgb = out / "UWA3DII_RGB" / "UWA3D-RGB" / f"{clip}_e{name.repetition:02d}"
    depth = out / "UWA3DII_Depth_ROI" / "UWA3D-Depth" / f"{clip}_e{name.repetition - 1:02d}"
    frames = np.where(recording.person, recording.depth, 0).astype(np.uint16)
    with whole_folder(rgb) as unfinished:
        for number, image in enumerate(recording.rgb, start=1):
            write_image(unfinished / f"{number:03d},.jpg", image)
    with whole_folder(depth) as unfinished:
        for number, image in enumerate(frames[: len(frames) - short_depth], start=1):
            write_image(unfinished / f"{number:03d}.png", image)
    return rgb, depth

"""Rendered recordings in the raw form of each public data set, quirks included, as small as they can be."""

import dataclasses
from collections.abc import Callable
from functools import cache
from pathlib import Path

from actionmae.data.layouts.ntu import SampleName
from actionmae.synthetic.render import Recording, render_clip
from actionmae.synthetic.write import write_recording
from helpers.ntu_archives import unpack_as_archives, write_extracted_frames
from helpers.nw_ucla_files import write_nw_ucla
from helpers.utd_mhad_files import write_utd_mhad
from helpers.uwa3d_files import write_uwa3d

FRAMES = 8
ACTIONS = (8, 9)
"""Sit down and stand up: every data set has them."""


@cache
def _rendered(action: int) -> Recording:
    name = SampleName(setup=1, camera=1, subject=1, repetition=1, action=action)
    return render_clip(name, seed=0, num_frames=FRAMES, size=((32, 32), (32, 32)))


def recording(action: int, subject: int, camera: int) -> Recording:
    """One clip of 8 frames at 32 × 32 pixels: each action is rendered once, and all its clips look alike."""
    name = SampleName(setup=1, camera=camera, subject=subject, repetition=1, action=action)
    return dataclasses.replace(_rendered(action), name=name)


def raw_ntu(root: Path) -> Path:
    """Eight samples of training subject 1 and test subject 3, as archives unpack; one has extracted frames."""
    for action in ACTIONS:
        for subject in (1, 3):
            for camera in (1, 2):
                write_recording(root, recording(action, subject, camera))
    unpack_as_archives(root)
    (video,) = root.rglob("S001C002P003R001A009_rgb.avi")
    video.unlink()
    write_extracted_frames(root / "mine", recording(9, 3, 2))
    return root


def raw_nw_ucla(root: Path) -> Path:
    """Views 1–3 of two actions of one subject; one clip's depth begins two frames late."""
    for action in ACTIONS:
        for view in (1, 2, 3):
            write_nw_ucla(root, recording(action, 1, view), late_depth=2 if (action, view) == (8, 1) else 0)
    return root


def raw_uwa3d(root: Path) -> Path:
    """Views 1–4 of two actions of one subject; one clip's depth ends three frames early, and has whole frames, too."""
    for action in ACTIONS:
        for view in (1, 2, 3, 4):
            source = recording(action, 1, min(view, 3))
            short = 3 if (action, view) == (9, 3) else 0
            write_uwa3d(root, source, view=view, short_depth=short, whole=short > 0)
    return root


def raw_utd_mhad(root: Path) -> Path:
    """Two actions of training subject 1 and test subject 2."""
    for action in ACTIONS:
        for subject in (1, 2):
            write_utd_mhad(root, recording(action, subject, 1))
    return root


RAW: dict[str, Callable[[Path], Path]] = {
    "ntu60": raw_ntu,
    "ntu120": raw_ntu,
    "ntu": raw_ntu,
    "nw_ucla": raw_nw_ucla,
    "uwa3d": raw_uwa3d,
    "utd_mhad": raw_utd_mhad,
}
"""By layout: writes a data set into an empty folder and returns it."""

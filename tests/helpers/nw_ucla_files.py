"""Recordings as NW-UCLA stores them: all streams of a clip in one folder, numbers unpadded, clocks apart. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionmae.synthetic.image_files import whole_folder, write_image
from actionmae.synthetic.render import Recording
from helpers.sheet import jet

ACTIONS = {6: 1, 7: 11, 8: 5, 9: 6}
"""NTU RGB+D's action → NW-UCLA's: pick up with one hand, throw, sit down, stand up."""

KINECT_V1_JOINTS = (0, 1, 20, *range(3, 20))
"""The 20 joints of Kinect v1 among the 25 of Kinect v2, in its order."""


def write_nw_ucla(out: Path, recording: Recording, *, late_depth: int = 0) -> Path:
    """Write one recording below `out/multiview_action`.

    Args:
        out: Folder of the data set.
        recording: Its action is one of `ACTIONS`; its camera becomes the view, its repetition the take.
        late_depth: So many frames at the start have no depth file.

    Returns:
        The clip's folder.
    """
    name = recording.name
    clip = f"a{ACTIONS[name.action]:02d}_s{name.subject:02d}_e{name.repetition - 1:02d}"
    folder = out / "multiview_action" / f"view_{name.camera}" / clip
    with whole_folder(folder) as unfinished:
        for number in range(1, len(recording.rgb) + 1):
            at, clock = number - 1, 33 * number
            write_image(unfinished / f"frame_{number}_tc_{clock + 900}_rgb.jpg", recording.rgb[at])
            skeleton = unfinished / f"frame_{number}_tc_{clock + 907}_skeletons.txt"
            skeleton.write_text(_skeleton_text(recording, at), encoding="ascii")
            if at >= late_depth:
                start = f"frame_{number}_tc_{clock + 912}_depth"
                write_image(unfinished / f"{start}.png", recording.depth[at])
                write_image(unfinished / f"{start}_vis.jpg", jet(recording.depth[at], 1000, 5000))
    return folder


def _skeleton_text(recording: Recording, frame: int) -> str:
    joints = recording.joints[frame, 0, list(KINECT_V1_JOINTS)]
    lines = [f"1,{np.count_nonzero(recording.person[frame])}"]
    return "\n".join([*lines, *(",".join(f"{value:.6g}" for value in joint) + ",1" for joint in joints)]) + "\n"

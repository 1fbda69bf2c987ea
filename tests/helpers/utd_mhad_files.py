"""Recordings as UTD-MHAD stores them: colour video, MATLAB arrays with time last, inertial at 50 Hz. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionmae.data.prepare.video_writer import write_color_video
from actionmae.synthetic.body import JOINT
from actionmae.synthetic.render import Recording
from helpers.nw_ucla_files import KINECT_V1_JOINTS

ACTIONS = {7: 5, 8: 25, 9: 24, 10: 4, 23: 3}
"""NTU RGB+D's action → UTD-MHAD's: throw, stand to sit, sit to stand, clap, wave."""

_RATE = 50.0  # Hz
_GRAVITY = 9.81  # m/s² in one g, the unit of the acceleration


def write_utd_mhad(out: Path, recording: Recording) -> str:
    """Write one recording's files into `out`'s folders RGB, Depth, Skeleton and Inertial; returns their common name."""
    from scipy.io import savemat  # slow to import

    name = recording.name
    clip = f"a{ACTIONS[name.action]}_s{name.subject}_t{name.repetition}"
    person = np.where(recording.person, recording.depth, 0).astype(np.uint16)
    joints = recording.joints[:, 0, list(KINECT_V1_JOINTS)]
    arrays = {
        "Depth": ("d_depth", np.moveaxis(person, 0, -1)),
        "Skeleton": ("d_skel", np.moveaxis(joints, 0, -1)),
        "Inertial": ("d_iner", _inertial(recording)),
    }
    for folder, (key, array) in arrays.items():
        path = out / folder / f"{clip}_{folder.lower()}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name("unfinished-" + path.name)
        savemat(unfinished, {key: array})
        unfinished.replace(path)
    (out / "RGB").mkdir(exist_ok=True)
    write_color_video(out / "RGB" / f"{clip}_color.avi", recording.rgb, recording.fps)
    return clip


def _inertial(recording: Recording) -> np.ndarray:
    """[N, 6] acceleration of the right wrist in g, gravity included, and a rough angular rate of the forearm."""
    seconds = np.arange(len(recording.joints)) / recording.fps
    clock = np.arange(0.0, max(seconds[-1], 3 / _RATE), 1 / _RATE)

    def resampled(joint: str) -> np.ndarray:
        track = recording.joints[:, 0, JOINT[joint]]
        return np.stack([np.interp(clock, seconds, track[:, axis]) for axis in range(3)], axis=1)

    wrist, elbow = resampled("wrist_right"), resampled("elbow_right")
    speed = np.gradient(wrist, 1 / _RATE, axis=0)
    acceleration = np.gradient(speed, 1 / _RATE, axis=0) / _GRAVITY + [0.0, 1.0, 0.0]
    arm = wrist - elbow
    rate = np.cross(arm, np.gradient(arm, 1 / _RATE, axis=0)) / np.maximum((arm**2).sum(axis=1, keepdims=True), 1e-6)
    return np.concatenate([acceleration, np.degrees(rate)], axis=1)

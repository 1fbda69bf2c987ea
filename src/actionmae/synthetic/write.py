"""Recordings as the files a Kinect v2 would leave in NTU RGB+D's layout, and whole data sets of them. No torch.

`nturgb+d_rgb/<sample>_rgb.avi`, `nturgb+d_ir/<sample>_ir.avi`, `nturgb+d_depth_masked/<sample>/MDepth-%08d.png` (or
`nturgb+d_depth/<sample>/Depth-%08d.png`), `nturgb+d_skeletons/<sample>.skeleton`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.files import write_text
from actionmae.data.layouts.ntu import SampleName
from actionmae.data.prepare.video_writer import write_color_video, write_gray_video
from actionmae.data.processes import run_in_processes
from actionmae.synthetic.actions import ACTIONS
from actionmae.synthetic.image_files import whole_folder, write_image
from actionmae.synthetic.render import Recording, Sizes, render_clip
from actionmae.synthetic.skeleton_file import skeleton_text

MOST_SUBJECTS = 106
"""As many as NTU RGB+D has."""

_SETTINGS = "synthetic.json"
_DEPTH_FOLDERS = {True: ("nturgb+d_depth_masked", "MDepth"), False: ("nturgb+d_depth", "Depth")}


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What decides a file's content, apart from its name; noted in the data set's folder."""

    seed: int
    num_frames: int
    size: Sizes
    masked: bool


def sample_names(
    *,
    actions: Sequence[int] = tuple(ACTIONS),
    subjects: int = 8,
    cameras: int = 3,
    repetitions: int = 1,
    setups: int = 4,
) -> list[SampleName]:
    """Names of a data set: every subject does every action, seen by all cameras, each repetition in another setup.

    Args:
        actions: A numbers, each one of `ACTIONS`.
        subjects: How many, from P001 on; NTU RGB+D's cross-subject protocol trains on 1 2 4 5 8 9 … and tests on
            3 6 7 10 ….
        cameras: 1–3.
        repetitions: Of each action by each subject.
        setups: How many rooms there are.

    Raises:
        ValueError: If a number is out of range or an action cannot be rendered.
    """
    limits = {"subjects": MOST_SUBJECTS, "cameras": 3, "repetitions": 999, "setups": 999}
    for field, value in zip(limits, (subjects, cameras, repetitions, setups), strict=True):
        if not 1 <= value <= limits[field]:
            raise ValueError(f"{field} is {value}: give 1 to {limits[field]}")
    unknown = [action for action in actions if action not in ACTIONS]
    if unknown or not actions:
        given = f"action {unknown[0]} cannot be rendered" if unknown else "no action was given"
        raise ValueError(f"{given}: choose from {', '.join(map(str, ACTIONS))}")
    return [
        SampleName(
            setup=(subject + repetition) % setups + 1,
            camera=camera,
            subject=subject,
            repetition=repetition,
            action=action,
        )
        for subject in range(1, subjects + 1)
        for repetition in range(1, repetitions + 1)
        for action in actions
        for camera in range(1, cameras + 1)
    ]


def render_dataset(
    out: Path | str,
    *,
    actions: Sequence[int] = tuple(ACTIONS),
    subjects: int = 8,
    cameras: int = 3,
    repetitions: int = 1,
    setups: int = 4,
    num_frames: int = 24,
    size: Sizes = ((128, 128), (128, 128)),
    masked: bool = True,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Render a data set and write its files; samples that are finished already are kept.

    Args:
        out: Folder of the data set; `synthetic.json` in it notes the settings.
        actions: A numbers; `subjects`, `cameras`, `repetitions`, `setups` as in `sample_names`.
        subjects: How many.
        cameras: How many.
        repetitions: How many.
        setups: How many.
        num_frames: Frames per recording.
        size: (width, height) of RGB frames and of depth and infrared frames, pixels; even and at least 16.
        masked: Keep depth only on and close around persons, as NTU RGB+D's masked maps do.
        seed: Of every draw, at least 0.
        workers: Processes.
        progress: Called with (samples done, samples in all).

    Returns:
        The samples' names; every subject does all actions before the next one.

    Raises:
        ValueError: If an argument is out of range, or the folder holds a data set of other settings.
        ChildProcessError: If a process was killed or cannot be started.
    """
    for field, value, least in (("workers", workers, 1), ("seed", seed, 0), ("num_frames", num_frames, 1)):
        if value < least:
            raise ValueError(f"{field} is {value}: give {least} or more")
    if any(min(frame) < 16 or frame[0] % 2 or frame[1] % 2 for frame in size):
        raise ValueError(f"size is {size}: give even widths and heights in pixels, each at least 16")
    names = sample_names(actions=actions, subjects=subjects, cameras=cameras, repetitions=repetitions, setups=setups)
    out, settings = Path(out), _Settings(seed=seed, num_frames=num_frames, size=size, masked=masked)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, settings)
    todo = [name for name in names if not _finished(out, name, masked)]
    done = len(names) - len(todo)
    jobs = [(out, name, settings) for name in todo]
    with closing(run_in_processes(_render_one, jobs, workers, start="spawn")) as results:
        for _ in results:
            done += 1
            if progress is not None:
                progress(done, len(names))
    return [str(name) for name in names]


def _render_one(job: tuple[Path, SampleName, _Settings]) -> None:
    out, name, settings = job
    recording = render_clip(name, seed=settings.seed, num_frames=settings.num_frames, size=settings.size)
    write_recording(out, recording, masked=settings.masked)


def write_recording(out: Path, recording: Recording, *, masked: bool = True) -> None:
    """Write one recording's files below `out`; each is whole or absent.

    Args:
        out: Folder of the data set.
        recording: What was rendered.
        masked: See `render_dataset`.
    """
    files = _files(out, recording.name, masked)
    write_color_video(files["rgb"], recording.rgb, recording.fps)
    write_gray_video(files["ir"], recording.ir, recording.fps)
    frames = recording.depth
    if masked:
        frames = np.where(_around(recording.person), frames, 0).astype(np.uint16)
    _write_images(files["depth"], frames, _DEPTH_FOLDERS[masked][1])
    # Last: a sample with a skeleton is finished.
    write_text(files["skeleton"], skeleton_text(recording))


def _around(person: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask, a little too large, as masks from a body tracker are."""
    reach = 2 * max(1, person.shape[1] // 80) + 1
    kernel = np.ones((reach, reach), dtype=np.uint8)
    return np.stack([cv2.dilate(frame.astype(np.uint8), kernel) > 0 for frame in person])


def _write_images(folder: Path, frames: NDArray[np.uint16], prefix: str) -> None:
    """A folder of 16-bit PNG."""
    with whole_folder(folder) as unfinished:
        for number, frame in enumerate(frames, start=1):
            write_image(unfinished / f"{prefix}-{number:08d}.png", frame)


def _files(out: Path, name: SampleName, masked: bool) -> dict[str, Path]:
    return {
        "rgb": out / "nturgb+d_rgb" / f"{name}_rgb.avi",
        "ir": out / "nturgb+d_ir" / f"{name}_ir.avi",
        "depth": out / _DEPTH_FOLDERS[masked][0] / str(name),
        "skeleton": out / "nturgb+d_skeletons" / f"{name}.skeleton",
    }


def _finished(out: Path, name: SampleName, masked: bool) -> bool:
    return all(path.exists() for path in _files(out, name, masked).values())


def _claim(out: Path, settings: _Settings) -> None:
    """Note the settings in the folder, or refuse a folder of other settings: their recordings must not mix."""
    path = out / _SETTINGS
    text = json.dumps(asdict(settings), indent=2) + "\n"
    if path.exists() and path.read_bytes() != text.encode():
        raise ValueError(f"{out} holds recordings of other settings (see {path}): choose another folder or remove it")
    write_text(path, text)

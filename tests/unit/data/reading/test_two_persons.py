"""Mutual actions keep both skeletons, whatever becomes of order and body ids: on texts as the renderer writes them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.seeds import numpy_generator as generator
from actionmae.data.layouts.ntu import SampleName
from actionmae.data.reading.skeleton_text import read_skeleton_text
from actionmae.synthetic.performance import perform
from actionmae.synthetic.render import Recording
from actionmae.synthetic.skeleton_file import skeleton_text

FRAMES = 24
Frames = list[list[list[str]]]
"""Per frame, per body: its lines, the first of which starts with the id."""


@cache
def take(action: int) -> Recording:
    """Two persons in camera-like coordinates: the performance itself, without drawing a picture."""
    name = SampleName(setup=1, camera=1, subject=1, repetition=1, action=action)
    show = perform(name, seed=0, num_frames=FRAMES)
    joints = np.stack([skeleton.joints for skeleton in show.skeletons], axis=1)
    joints[..., 2] += 3.0
    flat, none = np.zeros((*joints.shape[:3], 2)), np.zeros((FRAMES, 8, 8))
    return Recording(
        name=name,
        fps=10.0,
        rgb=np.zeros((FRAMES, 8, 8, 3), np.uint8),
        depth=none.astype(np.uint16),
        ir=none.astype(np.uint8),
        person=none.astype(bool),
        joints=joints,
        depth_xy=flat,
        color_xy=flat,
        tracking=np.full(joints.shape[:3], 2),
    )


def split(text: str) -> Frames:
    lines, frames = text.splitlines()[1:], []
    while lines:
        count = int(lines.pop(0))
        frames.append([[lines.pop(0) for _ in range(27)] for _ in range(count)])
    return frames


def join(frames: Frames) -> str:
    lines = [str(len(frames))]
    for bodies in frames:
        lines += [str(len(bodies)), *(line for body in bodies for line in body)]
    return "\n".join(lines) + "\n"


def renamed(body: list[str], name: str) -> list[str]:
    return [" ".join([name, *body[0].split()[1:]]), *body[1:]]


def swapped_order(frames: Frames) -> None:
    for bodies in frames[1::2]:
        bodies.reverse()


def swapped_ids(frames: Frames) -> None:
    for bodies in frames[10:]:
        first, second = (body[0].split()[0] for body in bodies)
        bodies[:] = [renamed(bodies[0], second), renamed(bodies[1], first)]


def swapped_ids_and_order(frames: Frames) -> None:
    swapped_ids(frames)
    for bodies in frames[10:]:
        bodies.reverse()


def new_ids_after_a_gap(frames: Frames) -> None:
    frames[8].clear()
    frames[9].clear()
    for bodies in frames[10:]:
        bodies[:] = [renamed(bodies[1], "501"), renamed(bodies[0], "502")]


def one_frame_gaps(frames: Frames) -> None:
    for at in (0, 5, 11, 23):
        del frames[at][at % 2]


def a_third_spurious_body(frames: Frames) -> None:
    rng = generator(0, "ghost")
    for at in (*range(3, 9), 17):
        ghost = [
            " ".join([f"{2.5 + rng.normal(0, 0.01):.4f} 0.1 4.5", *line.split()[3:]]) for line in frames[at][0][2:]
        ]
        frames[at].insert(0, [*renamed(frames[at][0], "77")[:2], *ghost])


TROUBLES = [
    swapped_order,
    swapped_ids,
    swapped_ids_and_order,
    new_ids_after_a_gap,
    one_frame_gaps,
    a_third_spurious_body,
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
@pytest.mark.parametrize("action", [50, 58, 60], ids=["punch", "handshake", "walk apart"])
def test_both_persons_are_followed(action: int, trouble: Callable[[Frames], None], tmp_path: Path) -> None:
    recording = take(action)
    assert recording.joints.shape[1] == 2
    frames = split(skeleton_text(recording))
    trouble(frames)
    path = tmp_path / "a.skeleton"
    path.write_text(join(frames))
    out = read_skeleton_text(path, num_persons=2, num_joints=25)
    # Who is first depends on who moves more; either order is right, but it must hold for the whole clip.
    seen = ~np.isnan(out).all(axis=(2, 3))
    errors = []
    for order in ((0, 1), (1, 0)):
        distance = np.abs(out - recording.joints[:, order]).max(axis=(2, 3))
        errors.append(float(distance[seen].max()))
    assert min(errors) < 1e-4, "a person's frames are the same person's throughout"
    lost = {"new_ids_after_a_gap": 4, "one_frame_gaps": 4}.get(trouble.__name__, 0)
    assert int((~seen).sum()) == lost


def test_who_moves_most_is_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.skeleton").write_text(skeleton_text(take(50)))
    out = read_skeleton_text(tmp_path / "a.skeleton", num_persons=2, num_joints=25)
    first, second = out.std(axis=0).sum(axis=(1, 2))
    assert first > second

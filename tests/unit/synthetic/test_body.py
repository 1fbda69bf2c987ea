"""The acting person: bones keep their lengths, limbs reach their goals, and each action is what its name says."""

import dataclasses

import numpy as np
import pytest

from actionmae.data.layouts.ntu import SampleName
from actionmae.synthetic.actions import ACTIONS
from actionmae.synthetic.body import (
    JOINT,
    JOINTS,
    PARENTS,
    Array,
    Pose,
    draw_proportions,
    pose_skeleton,
    two_bones,
)
from actionmae.synthetic.performance import perform


def joints_of(action: int, repetition: int = 1, **changes: int) -> Array:
    name = SampleName(setup=1, camera=1, subject=1, repetition=repetition, action=action)
    show = perform(dataclasses.replace(name, **changes), seed=0, num_frames=40)
    return np.stack([skeleton.joints for skeleton in show.skeletons], 1)  # [n, P, 25, 3]


def height(joints: Array, name: str) -> Array:
    return joints[:, 0, JOINT[name], 1]


def test_two_bones_reach_the_goal_with_constant_lengths() -> None:
    rng = np.random.default_rng(0)
    start, goal, hint = rng.normal(size=(3, 50, 3))
    goal = start + goal / np.linalg.norm(goal, axis=1, keepdims=True) * rng.uniform(0.2, 0.65, (50, 1))
    middle, end = two_bones(start, goal, 0.4, 0.3, hint)
    np.testing.assert_allclose(np.linalg.norm(middle - start, axis=1), 0.4, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=1), 0.3, atol=1e-9)
    np.testing.assert_allclose(end, goal, atol=1e-9)


def test_what_is_out_of_reach_is_pointed_at() -> None:
    start, goal = np.zeros((1, 3)), np.array([[5.0, 0.0, 0.0]])
    _, end = two_bones(start, goal, 0.4, 0.3, np.array([[0.0, 1.0, 0.0]]))
    assert end[0] == pytest.approx([0.7, 0.0, 0.0], abs=2e-3)


def test_standing_person_has_left_and_right_as_kinect_sees_them() -> None:
    body = draw_proportions(0, 1)
    joints = pose_skeleton(Pose(num_frames=1), body, facing=0.0).joints[0]
    assert joints[JOINT["shoulder_right"], 0] > 0 > joints[JOINT["shoulder_left"], 0]
    assert joints[JOINT["foot_left"], 2] < joints[JOINT["ankle_left"], 2]  # facing −z
    assert 0.88 * body.height < joints[JOINT["head"], 1] < body.height
    assert joints[:, 1].min() > 0


@pytest.mark.parametrize("action", ACTIONS)
def test_bones_keep_their_lengths(action: int) -> None:
    joints = joints_of(action)
    lengths = np.linalg.norm(joints - joints[:, :, list(PARENTS)], axis=-1)
    rigid = [slot for slot, name in enumerate(JOINTS) if not name.startswith("thumb")]
    assert np.ptp(lengths[:, :, rigid], axis=0).max() < 0.02
    assert joints[..., 1].min() > -0.05, "nobody sinks into the floor"


def test_persons_per_action() -> None:
    assert {action: joints_of(action).shape[1] for action in (23, 50, 58, 60)} == {23: 1, 50: 2, 58: 2, 60: 2}


def test_sitting_down_and_standing_up_are_opposite() -> None:
    down, up = (height(joints_of(action), "spine_base") for action in (8, 9))
    assert down[0] - down[-1] > 0.3
    assert up[-1] - up[0] > 0.3


@pytest.mark.parametrize("repetition", [1, 2, 3])
def test_actions_do_what_they_say(repetition: int) -> None:
    wave = joints_of(23, repetition)
    highest = np.maximum(height(wave, "hand_left"), height(wave, "hand_right"))
    assert highest.max() > height(wave, "neck").mean()
    jump = joints_of(27, repetition)
    assert np.minimum(height(jump, "ankle_left"), height(jump, "ankle_right")).max() > 0.2
    kick = joints_of(24, repetition)
    assert np.maximum(height(kick, "ankle_left"), height(kick, "ankle_right")).max() > 0.35
    bow = joints_of(35, repetition)
    assert np.ptp(height(bow, "head")) > 0.2
    clap = joints_of(10, repetition)
    apart = np.linalg.norm(clap[:, 0, JOINT["hand_left"]] - clap[:, 0, JOINT["hand_right"]], axis=-1)
    assert apart[10:30].min() < 0.12
    pick = joints_of(6, repetition)
    assert np.minimum(height(pick, "hand_left"), height(pick, "hand_right")).min() < 0.35


@pytest.mark.parametrize("subject", [1, 2, 3, 4])
def test_hands_meet_when_shaken(subject: int) -> None:
    joints = joints_of(58, subject=subject)
    gap = np.linalg.norm(joints[:, 0, JOINT["hand_right"]] - joints[:, 1, JOINT["hand_right"]], axis=-1)
    assert gap[:2].min() > 0.3
    assert gap[16:24].max() < 0.15


def test_two_persons_walk_apart() -> None:
    gap = np.linalg.norm(np.diff(joints_of(60)[:, :, JOINT["spine_base"]], axis=1)[:, 0], axis=-1)
    assert gap[-1] > gap[0] + 0.6


def test_subjects_and_repetitions_differ() -> None:
    assert draw_proportions(0, 1) != draw_proportions(0, 2)
    assert draw_proportions(0, 1) != draw_proportions(1, 1)
    assert np.abs(joints_of(23, 1) - joints_of(23, 3)).max() > 0.05

"""Joints and signals: place, turn, mirror, spread."""

import math

import pytest
import torch

from actionmae.core.modality import KINECT_V1_MIRROR, KINECT_V2_MIRROR, Mirror
from actionmae.data.transforms.coordinates import (
    center_joints,
    mirror_joints,
    mirror_signal,
    signal_spread,
    turn_joints,
)


def test_the_place_in_the_room_does_not_matter_but_motion_does() -> None:
    joints, seen = torch.randn(2, 5, 2, 4, 3), torch.ones(2, 5, 2, dtype=torch.bool)
    out = center_joints(joints, seen)
    torch.testing.assert_close(out[:, 0, 0].mean(dim=1), torch.zeros(2, 3), atol=1e-6, rtol=0)
    moved = center_joints(joints + torch.tensor([3.0, -1.0, 2.0]), seen)
    torch.testing.assert_close(moved, out, atol=1e-5, rtol=0)
    torch.testing.assert_close(out[:, 3] - out[:, 1], joints[:, 3] - joints[:, 1])


def test_the_first_frame_that_shows_the_first_person_counts() -> None:
    joints, seen = torch.randn(1, 5, 2, 4, 3), torch.ones(1, 5, 2, dtype=torch.bool)
    seen[0, :2, 0] = False
    torch.testing.assert_close(center_joints(joints, seen), joints - joints[0, 2, 0].mean(dim=0))
    seen[0, :, 0] = False
    torch.testing.assert_close(center_joints(joints, seen), joints - joints[0, 0, 1].mean(dim=0))


def test_a_turn_keeps_heights_and_distances() -> None:
    joints = torch.randn(3, 2, 1, 4, 3)
    turned = turn_joints(joints, torch.tensor([0.0, 90.0, -30.0]))
    torch.testing.assert_close(turned[0], joints[0])
    torch.testing.assert_close(turned[..., 1], joints[..., 1])
    torch.testing.assert_close(turned.norm(dim=-1), joints.norm(dim=-1))
    torch.testing.assert_close(turned[1, ..., 0], joints[1, ..., 2], atol=1e-6, rtol=0)
    x, z = joints[2, 0, 0, 0, 0], joints[2, 0, 0, 0, 2]
    angle = math.radians(-30)
    torch.testing.assert_close(turned[2, 0, 0, 0, 0], x * math.cos(angle) + z * math.sin(angle))


@pytest.mark.parametrize(("mirror", "joints"), [(KINECT_V1_MIRROR, 20), (KINECT_V2_MIRROR, 25)])
def test_mirrored_twice_is_the_same_and_hands_change_sides(mirror: Mirror, joints: int) -> None:
    clip = torch.randn(2, 3, 1, joints, 3)
    once = mirror_joints(clip, mirror)
    assert torch.equal(mirror_joints(once, mirror), clip)
    left, right = 7, 11  # hands in both of Kinect's joint lists
    assert torch.equal(once[..., left, 1:], clip[..., right, 1:])
    assert torch.equal(once[..., left, 0], -clip[..., right, 0])


def test_signal_channels_are_exchanged_and_negated() -> None:
    signal = torch.randn(2, 3, 4, 5)
    mirror = Mirror(permutation=(1, 0, 2, 3), negate=(2,))
    once = mirror_signal(signal, mirror)
    assert torch.equal(once[:, :, 0], signal[:, :, 1])
    assert torch.equal(once[:, :, 2], -signal[:, :, 2])
    assert torch.equal(mirror_signal(once, mirror), signal)
    assert torch.equal(mirror_signal(signal, Mirror()), signal)


def test_spread_is_the_deviation_over_existing_windows() -> None:
    signal = torch.randn(2, 4, 3, 5)
    expected = signal.std(dim=(1, 3), correction=0)
    torch.testing.assert_close(signal_spread(signal, None)[:, 0, :, 0], expected)
    seen = torch.tensor([[True, True, False, True]] * 2)
    broken = signal.clone()
    broken[:, 2] = torch.nan
    expected = signal[:, [0, 1, 3]].std(dim=(1, 3), correction=0)
    torch.testing.assert_close(signal_spread(broken, seen)[:, 0, :, 0], expected)

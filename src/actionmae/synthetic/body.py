"""The person: proportions, pose, and the 25 joints of Kinect v2 by inverse and forward kinematics. No torch.

Body frame: x to the person's right, y up, z forward; metres. World: y up, floor at 0, right-handed.
Shapes: n frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from actionmae.core.seeds import numpy_generator

Array = NDArray[np.float64]
_Put = Callable[[str, Array], Array]

JOINTS = (
    "spine_base", "spine_mid", "neck", "head", "shoulder_left", "elbow_left", "wrist_left", "hand_left",
    "shoulder_right", "elbow_right", "wrist_right", "hand_right", "hip_left", "knee_left", "ankle_left", "foot_left",
    "hip_right", "knee_right", "ankle_right", "foot_right", "spine_shoulder", "hand_tip_left", "thumb_left",
    "hand_tip_right", "thumb_right",
)  # fmt: skip
"""Names of Kinect v2's joints in its order."""

JOINT = {name: slot for slot, name in enumerate(JOINTS)}

PARENTS = (0, 0, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 1, 7, 6, 11, 10)
"""Each joint's neighbour towards the spine base."""

SIDES = {"left": -1.0, "right": 1.0}


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """Lengths of one person in metres."""

    height: float
    girth: float
    thigh: float
    shin: float
    ankle: float
    upper_arm: float
    forearm: float
    hip_half: float
    shoulder_half: float
    spine: float

    @property
    def leg(self) -> float:
        """Hip to ankle, stretched."""
        return self.thigh + self.shin

    @property
    def arm(self) -> float:
        """Shoulder to wrist, stretched."""
        return self.upper_arm + self.forearm


def draw_proportions(seed: int, subject: object) -> Proportions:
    """One person's body: height 1.5–1.95 m, slim to stout, limbs a few per cent off the average of that height."""
    rng = numpy_generator(seed, "body", subject)
    height = float(np.clip(rng.normal(1.72, 0.1), 1.5, 1.95))

    def part(fraction: float) -> float:
        return height * fraction * float(np.clip(rng.normal(1.0, 0.035), 0.92, 1.08))

    return Proportions(
        height=height,
        girth=float(rng.uniform(0.88, 1.25)),
        thigh=part(0.245),
        shin=part(0.235),
        ankle=0.045 * height,
        upper_arm=part(0.172),
        forearm=part(0.15),
        hip_half=part(0.055),
        shoulder_half=part(0.112),
        spine=part(0.29),
    )


def _zeros(*shape: int) -> Array:
    return np.zeros(shape)


@dataclass(kw_only=True)
class Pose:
    """What a motion sets, frame by frame; every array starts as standing still.

    Attributes:
        num_frames: n.
        place: [n, 3] where the person stands, in metres, in the frame of the scene's facing direction.
        yaw: [n] turn to the right of the facing direction, radians.
        root: [n, 3] pelvis off its standing place (right, up, forward), in leg lengths.
        lean: [n] torso forward; `roll` to the right; `twist` to the right, radians.
        nod: [n] head forward; `shake` to the right, radians.
        hands: Per side [n, 3] wrist from shoulder (outward, up, forward), in arm lengths; down by default.
        feet: Per side [n, 3] ankle off its standing place (outward, up, forward), in leg lengths.
        elbows: Per side (outward, up, forward) direction into which the elbow points.
    """

    num_frames: int
    place: Array = field(init=False)
    yaw: Array = field(init=False)
    root: Array = field(init=False)
    lean: Array = field(init=False)
    roll: Array = field(init=False)
    twist: Array = field(init=False)
    nod: Array = field(init=False)
    shake: Array = field(init=False)
    hands: dict[str, Array] = field(init=False)
    feet: dict[str, Array] = field(init=False)
    elbows: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        n = self.num_frames
        self.place, self.root = _zeros(n, 3), _zeros(n, 3)
        self.yaw, self.lean, self.roll, self.twist, self.nod, self.shake = (_zeros(n) for _ in range(6))
        self.hands = {side: np.tile([0.16, -0.96, 0.08], (n, 1)) for side in SIDES}
        self.feet = {side: _zeros(n, 3) for side in SIDES}
        self.elbows = {side: np.tile([0.55, -0.35, -0.8], (n, 1)) for side in SIDES}


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A posed person in world coordinates.

    Attributes:
        joints: [n, 25, 3] metres, in the order of `JOINTS`.
        pelvis: [n, 3, 3] axes of the pelvis as columns (right, up, forward); likewise `chest` and `head`.
    """

    joints: Array
    pelvis: Array
    chest: Array
    head: Array


def pose_skeleton(
    pose: Pose, person: Proportions, *, facing: float, origin: tuple[float, float] = (0.0, 0.0)
) -> Skeleton:
    """Joints of every frame: spine forward from the pelvis, arms and legs by two-bone inverse kinematics.

    Args:
        pose: The motion.
        person: The proportions.
        facing: Azimuth that the person faces, radians; 0 looks along −z, to camera 1's side.
        origin: (x, z) in the world, where `place` is counted from, metres.
    """
    n = pose.num_frames
    stage = _turn(np.full(n, facing))
    ground = np.array([origin[0], 0.0, origin[1]]) + _apply(stage, pose.place)
    hips = _turn(facing + pose.yaw)
    joints = np.zeros((n, len(JOINTS), 3))

    def put(name: str, value: Array) -> Array:
        joints[:, JOINT[name]] = value
        return value

    base = ground + _apply(hips, pose.root * person.leg + [0.0, person.leg + person.ankle, 0.0])
    pelvis = hips @ _bend(0.4 * pose.lean, 0.5 * pose.roll, 0.2 * pose.twist)
    middle = hips @ _bend(0.8 * pose.lean, 0.8 * pose.roll, 0.6 * pose.twist)
    chest = hips @ _bend(pose.lean, pose.roll, pose.twist)
    head = chest @ _bend(pose.nod, 0.0 * pose.nod, pose.shake)
    put("spine_base", base)
    mid = put("spine_mid", base + 0.45 * person.spine * middle[:, :, 1])
    top = put("spine_shoulder", mid + 0.55 * person.spine * chest[:, :, 1])
    neck = put("neck", top + person.height * (0.03 * chest[:, :, 1] + 0.006 * chest[:, :, 2]))
    put("head", neck + person.height * (0.085 * head[:, :, 1] + 0.012 * head[:, :, 2]))
    for side, sign in SIDES.items():
        _put_arm(put, pose, person, side, top + sign * person.shoulder_half * chest[:, :, 0], hips)
        hip = put(f"hip_{side}", base + _apply(pelvis, np.tile([sign * person.hip_half, -0.02, 0.0], (n, 1))))
        _put_leg(put, pose, person, side, hip, ground, hips)
    return Skeleton(joints=joints, pelvis=pelvis, chest=chest, head=head)


def _put_arm(put: _Put, pose: Pose, person: Proportions, side: str, shoulder: Array, hips: Array) -> None:
    sign = np.array([SIDES[side], 1.0, 1.0])
    put(f"shoulder_{side}", shoulder)
    goal = shoulder + _apply(hips, pose.hands[side] * sign * person.arm)
    hint = _apply(hips, pose.elbows[side] * sign)
    elbow, wrist = two_bones(shoulder, goal, person.upper_arm, person.forearm, hint)
    along = _unit(wrist - elbow)
    across = _unit(np.cross(along, _apply(hips, np.tile([0.0, 0.3, 1.0], (len(goal), 1)))))
    put(f"elbow_{side}", elbow)
    put(f"wrist_{side}", wrist)
    put(f"hand_{side}", wrist + 0.045 * person.height * along)
    put(f"hand_tip_{side}", wrist + 0.095 * person.height * along)
    put(f"thumb_{side}", wrist + 0.04 * person.height * along + 0.025 * person.height * across)


def _put_leg(put: _Put, pose: Pose, person: Proportions, side: str, hip: Array, ground: Array, hips: Array) -> None:
    sign = np.array([SIDES[side], 1.0, 1.0])
    rest = np.array([1.25 * person.hip_half * SIDES[side], person.ankle, 0.0])
    goal = ground + _apply(hips, pose.feet[side] * sign * person.leg + rest)
    hint = _apply(hips, np.tile([0.12, 0.0, 1.0], (len(goal), 1)) * sign)
    knee, ankle = two_bones(hip, goal, person.thigh, person.shin, hint)
    # The toes follow the shin a little when the foot leaves the floor.
    lift = np.clip(pose.feet[side][:, 1], 0.0, 0.6)[:, None]
    ahead = _unit(hips[:, :, 2] + 0.12 * SIDES[side] * hips[:, :, 0] + 0.6 * lift * _unit(knee - ankle))
    put(f"knee_{side}", knee)
    put(f"ankle_{side}", ankle)
    put(f"foot_{side}", ankle + person.height * (0.075 * ahead - 0.022 * hips[:, :, 1]))


def two_bones(start: Array, goal: Array, first: float, second: float, hint: Array) -> tuple[Array, Array]:
    """Elbow and wrist (or knee and ankle) so that the end meets `goal`, or points at it where that is out of reach.

    Args:
        start: [n, 3] shoulder or hip.
        goal: [n, 3] where the end should be.
        first: Length of the bone at `start`.
        second: Length of the other bone.
        hint: [n, 3] direction into which the middle joint points.

    Returns:
        Middle and end, each [n, 3].
    """
    away = goal - start
    distance = np.linalg.norm(away, axis=1, keepdims=True)
    direction = away / np.maximum(distance, 1e-6)
    distance = np.clip(distance, abs(first - second) + 0.02, 0.999 * (first + second))
    along = (first**2 - second**2 + distance**2) / (2 * distance)
    out = np.sqrt(np.maximum(first**2 - along**2, 0.0))
    side = _unit(hint - (hint * direction).sum(1, keepdims=True) * direction)
    return start + along * direction + out * side, start + distance * direction


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _apply(frames: Array, vectors: Array) -> Array:
    """[n, 3, 3] axes as columns × [n, 3] → [n, 3]."""
    return np.asarray(np.einsum("nij,nj->ni", frames, vectors))


def _turn(azimuth: Array) -> Array:
    """Axes (right, up, forward) as columns of somebody who faces an azimuth; 0 faces −z."""
    sin, cos, zero = np.sin(azimuth), np.cos(azimuth), np.zeros_like(azimuth)
    right, up, forward = (cos, zero, sin), (zero, zero + 1, zero), (sin, zero, -cos)
    return np.stack([np.stack(axis, 1) for axis in (right, up, forward)], axis=2)


def _bend(lean: Array, roll: Array, twist: Array) -> Array:
    """Rotation in the body frame (right, up, forward): lean forward, then roll and twist to the right."""
    one, zero = np.ones_like(lean), np.zeros_like(lean)

    def matrix(*rows: tuple[Array, Array, Array]) -> Array:
        return np.stack([np.stack(row, 1) for row in rows], 1)

    cos, sin = np.cos(lean), np.sin(lean)
    pitch = matrix((one, zero, zero), (zero, cos, -sin), (zero, sin, cos))
    cos, sin = np.cos(roll), np.sin(roll)
    tilt = matrix((cos, sin, zero), (-sin, cos, zero), (zero, zero, one))
    cos, sin = np.cos(twist), np.sin(twist)
    turn = matrix((cos, zero, sin), (zero, one, zero), (-sin, zero, cos))
    return np.asarray(turn @ tilt @ pitch)

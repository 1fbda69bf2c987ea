"""What the person does: each action moves a `Pose` on its own course; speed, size and side are drawn per repetition.

The class names and A numbers are NTU RGB+D's. Hands are given relative to the shoulder (outward, up, forward) in arm
lengths, feet and pelvis in leg lengths (see `Pose`). No torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from actionmae.synthetic.body import SIDES, Array
from actionmae.synthetic.take import CHAIR, Prop, Take

# Where hands go, seen from a shoulder.
_MOUTH = (-0.34, 0.26, 0.34)
_CHEST = (-0.33, -0.22, 0.62)
_FLOOR = (-0.15, -0.97, 0.22)
_LAP = (-0.12, -0.62, 0.52)


def _drink(take: Take) -> None:
    up = take.bump(0.12, 0.4, 0.65, 0.92)
    take.reach(take.hand, (-0.1, -0.45, 0.5), np.ones_like(up))  # the cup is held ready
    take.reach(take.hand, _MOUTH, up)
    take.pose.nod -= 0.4 * take.size * take.bump(0.35, 0.5, 0.6, 0.75)
    take.pose.lean -= 0.06 * up
    take.carry("cup", np.ones_like(up))


def _pick_up(take: Take) -> None:
    down = take.bump(0.08, 0.45, 0.52, 0.92)
    take.pose.root += down[:, None] * [0.0, -0.38 * take.size, -0.12]
    take.pose.lean += 0.95 * down
    take.pose.nod += 0.25 * down
    take.reach(take.hand, _FLOOR, down)
    take.reach(take.hand, (-0.2, -0.35, 0.55), take.rise(0.6, 0.95))
    take.reach(take.other, (0.1, -0.8, 0.35), 0.7 * down)
    take.carry("parcel", take.rise(0.46, 0.5), (0.12 * SIDES[take.hand], 0.06, 0.42))


def _throw(take: Take) -> None:
    back, go, through = take.rise(0.1, 0.36), take.rise(0.4, 0.52), take.rise(0.52, 0.7)
    sign = SIDES[take.hand]
    take.reach(take.hand, (0.35, 0.45, -0.5 * take.size), back)
    take.reach(take.hand, (-0.05, 0.5, 0.85), go)
    take.reach(take.hand, (-0.4, -0.55, 0.55), through)
    take.pose.twist += sign * (0.55 * back - 1.05 * go + 0.1 * through) * take.size
    take.pose.lean += 0.3 * go - 0.2 * back
    take.reach(take.other, (0.2, -0.2, 0.7), back * (1 - through))
    take.pose.feet[take.other][:, 2] += 0.22 * go
    flight = np.clip((take.time - 0.5) / 0.3, 0.0, 3.0)
    path = np.stack([0.2 * sign - 0.05 * flight, 1.85 + 0.3 * flight - 0.5 * flight**2, 0.6 + 1.2 * flight], 1)
    path[:, 1] = np.maximum(path[:, 1], 0.04)
    take.carry("ball", np.where(take.time > 0.5, 0.0, 1.0), path)


def _seated(take: Take, seat: Array, moving: Array) -> None:
    take.pose.root += seat[:, None] * [0.0, -0.47, -0.42] + moving[:, None] * [0.0, 0.0, -0.1]
    take.pose.lean += 0.62 * moving * take.size + 0.04 * seat
    for side in SIDES:
        take.reach(side, _LAP, seat)
        take.reach(side, (0.1, -0.5, 0.65), 0.6 * moving)
    take.props.append(_chair(take))


def _chair(take: Take) -> Prop:
    nowhere = np.zeros(len(take.time))
    return Prop(kind=CHAIR, hand=take.hand, held_by=nowhere, place=np.zeros((len(take.time), 3)))


def _sit_down(take: Take) -> None:
    _seated(take, take.rise(0.2, 0.75), take.bump(0.1, 0.45, 0.5, 0.85))


def _stand_up(take: Take) -> None:
    _seated(take, 1.0 - take.rise(0.25, 0.8), take.bump(0.1, 0.4, 0.5, 0.85))


def _clap(take: Take) -> None:
    on = take.bump(-0.15, 0.12, 0.9, 1.15)
    apart = 0.32 * take.size * (0.5 + 0.5 * np.cos(take.cycle(5.0)))
    height = take.rng.uniform(-0.1, 0.15)
    for side in SIDES:
        target = np.stack([_CHEST[0] + apart, _CHEST[1] + height + 0.0 * apart, _CHEST[2] - 0.25 * apart], 1)
        take.reach(side, target, on)


def _cheer_up(take: Take) -> None:
    on = take.bump(-0.05, 0.2, 0.85, 1.1)
    pump = np.cos(take.cycle(3.5))
    target = np.stack([0.25 + 0.1 * pump, 0.75 + 0.22 * take.size * pump, 0.1 + 0.1 * pump], 1)
    for side in SIDES:
        take.reach(side, target, on)
    take.pose.root[:, 1] += 0.03 * on * (pump - 1)
    take.pose.nod -= 0.15 * on


def _wave(take: Take) -> None:
    on = take.bump(-0.1, 0.15, 0.88, 1.1)
    swing = np.sin(take.cycle(3.0))
    target = np.stack([0.3 + 0.38 * take.size * swing, 0.68 - 0.12 * np.abs(swing), 0.28 + 0.0 * swing], 1)
    take.reach(take.hand, target, on)
    take.pose.roll += 0.04 * on * swing


def _kick(take: Take) -> None:
    back, go = take.bump(0.15, 0.35, 0.38, 0.5), take.bump(0.38, 0.54, 0.62, 0.9)
    foot = take.pose.feet[take.hand]
    foot += back[:, None] * [0.0, 0.22, -0.35] + go[:, None] * [-0.05, 0.42 * take.size, 0.85 * take.size]
    take.pose.lean += 0.15 * back - 0.28 * go
    take.pose.root[:, 0] -= 0.06 * SIDES[take.hand] * (back + go)
    take.reach(take.other, (0.3, -0.45, 0.6), go)
    take.reach(take.hand, (0.45, -0.7, -0.35), go)


def _jump(take: Take) -> None:
    crouch = take.bump(0.1, 0.34, 0.36, 0.48) + 0.6 * take.bump(0.68, 0.74, 0.76, 0.95)
    x = np.clip((take.time - 0.42) / 0.28, 0.0, 1.0)
    air = 4 * x * (1 - x) * 0.36 * take.size
    take.pose.root[:, 1] += air - 0.24 * crouch
    take.pose.lean += 0.5 * crouch
    swing = take.bump(0.38, 0.5, 0.6, 0.78)
    for side in SIDES:
        take.pose.feet[side][:, 1] += air * 1.05
        take.reach(side, (0.3, -0.6, -0.6), np.clip(crouch, 0, 1))
        take.reach(side, (0.2, 0.75, 0.5), swing)


def _bow(take: Take) -> None:
    down = take.bump(0.12, 0.42, 0.58, 0.9)
    take.pose.lean += 0.85 * take.size * down
    take.pose.nod += 0.45 * down
    take.pose.root[:, 2] -= 0.12 * down
    for side in SIDES:
        take.reach(side, (-0.02, -0.9, 0.2), down)


def _punch(take: Take) -> None:
    ready = take.bump(-0.1, 0.15, 0.85, 1.1)
    go = take.bump(0.2, 0.32, 0.36, 0.48) + take.bump(0.52, 0.64, 0.68, 0.82)
    for side in SIDES:
        take.reach(side, (-0.15, -0.1, 0.4), ready)
    take.reach(take.hand, (-0.3, 0.08, 1.0), go)
    take.pose.twist -= 0.5 * SIDES[take.hand] * go * take.size
    take.pose.lean += 0.18 * go
    take.pose.root[:, 2] += 0.1 * go
    take.pose.feet[take.other][:, 2] += 0.25 * ready


def _be_punched(take: Take) -> None:
    hit = take.bump(0.29, 0.36, 0.4, 0.55) + take.bump(0.61, 0.68, 0.72, 0.92)
    take.pose.lean -= 0.32 * take.size * hit
    take.pose.nod -= 0.35 * hit
    take.pose.root[:, 2] -= 0.12 * hit
    for side in SIDES:
        take.reach(side, (-0.1, 0.05, 0.45), 0.6 * hit)


def _shake_hands(take: Take) -> None:
    on = take.bump(0.05, 0.3, 0.8, 1.02)
    shake = 0.11 * take.size * np.sin(4.5 * 2 * np.pi * take.time)
    target = np.stack([-0.36 + 0.0 * shake, -0.3 + shake, 0.72 + 0.0 * shake], 1)
    take.reach("right", target, on)  # always the right hand: both persons' hands must meet
    take.pose.lean += 0.14 * on
    take.meet = on


def _walk_apart(take: Take) -> None:
    turn, go = take.rise(0.05, 0.35), np.clip((take.time - 0.2) / 0.8, 0.0, 1.3)
    side = 1.0 if take.rng.random() < 0.5 else -1.0
    take.pose.yaw += side * np.pi * turn
    take.pose.place[:, 2] -= 0.6 * take.size * go
    step = 2 * np.pi * 1.6 * go + take.rng.uniform(-0.3, 0.3)
    walking = take.rise(0.15, 0.25)
    for foot, sign in SIDES.items():
        swing = sign * np.sin(step) * walking
        take.pose.feet[foot][:, 2] += 0.28 * swing
        take.pose.feet[foot][:, 1] += 0.1 * np.clip(sign * np.cos(step), 0, 1) * walking
        take.reach(foot, np.stack([0.15 + 0 * swing, -0.95 + 0 * swing, -0.35 * swing], 1), walking)
    take.pose.root[:, 1] -= 0.03 * walking


@dataclass(frozen=True, kw_only=True)
class Action:
    """One class.

    Attributes:
        number: NTU RGB+D's A number.
        act: Moves the first person.
        answer: Moves the second person, who stands opposite; None for one-person actions.
    """

    number: int
    act: Callable[[Take], None]
    answer: Callable[[Take], None] | None = None


ACTIONS: dict[int, Action] = {
    action.number: action
    for action in (
        Action(number=1, act=_drink),
        Action(number=6, act=_pick_up),
        Action(number=7, act=_throw),
        Action(number=8, act=_sit_down),
        Action(number=9, act=_stand_up),
        Action(number=10, act=_clap),
        Action(number=22, act=_cheer_up),
        Action(number=23, act=_wave),
        Action(number=24, act=_kick),
        Action(number=27, act=_jump),
        Action(number=35, act=_bow),
        Action(number=50, act=_punch, answer=_be_punched),
        Action(number=58, act=_shake_hands, answer=_shake_hands),
        Action(number=60, act=_walk_apart, answer=_walk_apart),
    )
}
"""The actions that can be rendered, by A number."""

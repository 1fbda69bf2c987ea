"""One repetition being acted: the pose to move, its clock, and the draws that make it this repetition. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from actionmae.synthetic.body import SIDES, Array, Pose

CHAIR = "chair"


@dataclass(frozen=True, kw_only=True)
class Prop:
    """A thing that belongs to the action.

    Attributes:
        kind: "cup", "ball", "parcel" (held or flying) or "chair" (standing).
        held_by: [n] weight 0–1 of following `hand`; the rest lies at `place`.
        place: [n, 3] in the frame of the facing direction (right, up, forward), metres.
        hand: The side whose hand holds it.
    """

    kind: str
    hand: str
    held_by: Array
    place: Array


@dataclass(kw_only=True)
class Take:
    """One repetition being acted: the pose to move, the time, and the draws that make it this repetition.

    Attributes:
        pose: Moved by the action.
        time: [n] 0 at the action's start, 1 at its end; below 0 before, above 1 after.
        rng: The repetition's own.
        hand: The acting side; `other` the opposite one.
        size: How largely the movement is made, about 1.
        props: Things that the action uses.
        meet: [n] weight 0–1 with which the right hand meets the other person's; None = never.
    """

    pose: Pose
    time: Array
    rng: np.random.Generator
    hand: str
    size: float
    props: list[Prop] = field(default_factory=list)
    meet: Array | None = None

    @property
    def other(self) -> str:
        """The side that does not act."""
        return "left" if self.hand == "right" else "right"

    def rise(self, start: float, end: float) -> Array:
        """[n] smooth 0 → 1 between two times."""
        x = np.clip((self.time - start) / (end - start), 0.0, 1.0)
        return x * x * (3 - 2 * x)

    def bump(self, start: float, top: float, leave: float, end: float) -> Array:
        """[n] smooth 0 → 1 → 0."""
        return self.rise(start, top) - self.rise(leave, end)

    def cycle(self, count: float) -> Array:
        """[n] phase in radians of `count` swings over the action, at a drawn speed and start."""
        return 2 * np.pi * count * self.time * self.rng.uniform(0.85, 1.2) + self.rng.uniform(0, 2 * np.pi)

    def reach(self, side: str, target: tuple[float, float, float] | Array, weight: Array) -> None:
        """Move a hand towards a place by a weight 0–1 per frame."""
        hand = self.pose.hands[side]
        hand += weight[:, None] * (np.asarray(target) - hand)

    def carry(self, kind: str, held_by: Array, place: Array | tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        """Bring a thing that the acting hand holds."""
        where = np.broadcast_to(np.asarray(place, dtype=float), (len(self.time), 3))
        self.props.append(Prop(kind=kind, hand=self.hand, held_by=held_by, place=where))


def draw_time(num_frames: int, rng: np.random.Generator) -> Array:
    """[n] time of an action (see `Take`) over a recording: at a drawn speed, starting a little earlier or later."""
    clock = np.linspace(0.0, 1.0, num_frames)
    return np.asarray(0.5 + (clock - 0.5) * rng.uniform(0.95, 1.3) + rng.uniform(-0.07, 0.07))


def act(course: Callable[[Take], None], time: Array, rng: np.random.Generator) -> Take:
    """Act one repetition: drawn side and size, posture, and the small movements nobody can suppress.

    Args:
        course: Moves the pose; an `Action`'s `act` or `answer`.
        time: [n] as from `draw_time`; two persons share it.
        rng: The repetition's own; equal generators give equal repetitions.
    """
    take = Take(
        pose=Pose(num_frames=len(time)),
        time=time,
        rng=rng,
        hand="left" if rng.random() < 0.2 else "right",
        size=float(rng.uniform(0.85, 1.15)),
    )
    _stand(take, np.linspace(0.0, 1.0, len(time)))
    course(take)
    return take


def _stand(take: Take, clock: Array) -> None:
    """Posture of this repetition, and slow sway."""
    pose, rng = take.pose, take.rng

    def sway(scale: float) -> Array:
        rate, phase = rng.uniform(0.4, 1.6, 2), rng.uniform(0, 2 * np.pi, 2)
        slow, quick = (np.sin(2 * np.pi * rate[i] * clock + phase[i]) for i in (0, 1))
        return np.asarray(scale * (slow + quick))

    pose.lean += rng.normal(0.03, 0.03) + sway(0.012)
    pose.roll += rng.normal(0.0, 0.015) + sway(0.01)
    pose.yaw += rng.normal(0.0, 0.1) + sway(0.015)
    pose.nod += rng.normal(0.08, 0.06) + sway(0.03)
    pose.shake += rng.normal(0.0, 0.12) + sway(0.05)
    pose.place += rng.normal(0.0, [0.06, 0.0, 0.06])
    for side in SIDES:
        pose.hands[side] += rng.normal(0.0, 0.03, 3) + np.stack([sway(0.015), sway(0.01), sway(0.02)], 1)
        pose.feet[side] += rng.uniform([0.0, 0.0, -0.05], [0.06, 0.0, 0.05])

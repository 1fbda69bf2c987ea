"""Who acts where: the persons of one take, posed in the world, with what they wear and hold. No torch.

Shapes: n frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actionmae.core.seeds import numpy_generator
from actionmae.data.layouts.ntu import SampleName
from actionmae.synthetic.actions import ACTIONS
from actionmae.synthetic.body import JOINT, Array, Proportions, Skeleton, draw_proportions, pose_skeleton
from actionmae.synthetic.figure import Capsules, draw_clothes, dress
from actionmae.synthetic.scene import chair
from actionmae.synthetic.take import CHAIR, Prop, Take, act, draw_time

_APART = 0.48  # metres from the middle to either of two persons


@dataclass(frozen=True, kw_only=True)
class Performance:
    """Everything that moves or belongs to the action; the room and the sensor are not part of it.

    Attributes:
        skeletons: One per person, the subject first.
        capsules: All persons and things.
        furniture: Boxes (lowest, highest corner) of a chair, in axes turned by `facing`; often none.
        facing: Azimuth that the subject faces, radians.
    """

    skeletons: tuple[Skeleton, ...]
    capsules: Capsules
    furniture: tuple[Array, ...]
    facing: float


def perform(name: SampleName, *, seed: int, num_frames: int) -> Performance:
    """Act out one sample; a function of the seed and of everything in the name but the camera.

    As in NTU RGB+D, odd repetitions face camera 3 and even ones camera 2; two persons face each other instead.
    """
    action = ACTIONS[name.action]
    take_name = f"S{name.setup}P{name.subject}R{name.repetition}A{name.action}"
    rng = numpy_generator(seed, "take", take_name)
    time = draw_time(num_frames, rng)
    take = act(action.act, time, rng)
    body = draw_proportions(seed, name.subject)
    clothes = draw_clothes(seed, name.subject, name.setup)
    if action.answer is None:
        facing = float((np.pi / 4 if name.repetition % 2 else -np.pi / 4) + rng.normal(0.0, 0.12))
        skeleton = pose_skeleton(take.pose, body, facing=facing)
        return Performance(
            skeletons=(skeleton,),
            capsules=dress([(skeleton, body, clothes)], _things(take, skeleton, facing)),
            furniture=_furniture(take, body, rng),
            facing=facing,
        )
    partner = f"partner in {take_name}"
    answer = act(action.answer, time, numpy_generator(seed, "take", partner))
    facing = float((-np.pi / 2 if name.repetition % 2 else np.pi / 2) + rng.normal(0.0, 0.2))
    place = np.array([np.sin(facing), -np.cos(facing)]) * _APART
    opposite = draw_proportions(seed, partner)

    def pose_both() -> tuple[Skeleton, Skeleton]:
        first = pose_skeleton(take.pose, body, facing=facing, origin=(-place[0], -place[1]))
        return first, pose_skeleton(answer.pose, opposite, facing=facing + np.pi, origin=(place[0], place[1]))

    first, second = pose_both()
    if take.meet is not None:
        gap = second.joints[:, JOINT["hand_right"]] - first.joints[:, JOINT["hand_right"]]
        _move_hand(take, gap / 2, body, facing)
        _move_hand(answer, -gap / 2, opposite, facing + np.pi)
        first, second = pose_both()
    dressed = [(first, body, clothes), (second, opposite, draw_clothes(seed, partner, name.setup))]
    return Performance(skeletons=(first, second), capsules=dress(dressed, []), furniture=(), facing=facing)


def _move_hand(take: Take, shift: Array, body: Proportions, facing: float) -> None:
    """Move the right hand by a world vector [n, 3], as far as `meet` says."""
    weight = np.zeros(len(shift)) if take.meet is None else take.meet
    take.pose.hands["right"] += weight[:, None] * (shift @ _axes(facing).T) / body.arm


def _axes(facing: float) -> Array:
    """Where right, up and forward point in the world (rows)."""
    return np.array([[np.cos(facing), 0.0, np.sin(facing)], [0.0, 1.0, 0.0], [np.sin(facing), 0.0, -np.cos(facing)]])


def _things(take: Take, skeleton: Skeleton, facing: float) -> list[tuple[Prop, Array, Array]]:
    """Centre and direction of everything held or flying."""
    out = []
    for prop in take.props:
        if prop.kind != CHAIR:
            held, hand = prop.held_by[:, None], skeleton.joints[:, JOINT[f"hand_tip_{prop.hand}"]]
            centre = held * hand + (1 - held) * (prop.place @ _axes(facing))
            out.append((prop, centre, np.tile([0.0, 1.0, 0.0], (len(centre), 1))))
    return out


def _furniture(take: Take, body: Proportions, rng: np.random.Generator) -> tuple[Array, ...]:
    """The chair that the action needs; in some other takes one stands there as well, so that it tells little."""
    if any(prop.kind == CHAIR for prop in take.props) or rng.random() < 0.3:
        return tuple(chair(body.ankle + 0.53 * body.leg - 0.09))
    return ()

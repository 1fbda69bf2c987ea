"""The bodies of single frames, as a Kinect numbers them → persons followed through the clip. No torch.

Body ids swap, and a body that was lost comes back under another id, so pose, place, speed and id decide together:

1. Bodies of neighbouring frames are joined to tracks where this is certain.
2. Tracks are joined across gaps, at best in total: a person who vanishes goes on where one appears.
3. Tracks seen together are different persons; very short ones are no persons (a chair that was taken for a body).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Joints = NDArray[np.float32]
"""[J, 3 or more] of one body: the first three are metres."""

# How far the joints may be, on average, from where they are expected: one frame later, more for each frame without a
# body (1.5 m/s at 30 fps), at most.
_NEAR, _NEARER_PER_FRAME, _FARTHEST = 0.5, 0.05, 2.0
# What an equal id is worth; a perfect place is worth 1, so that the place decides where persons cross. Above the second
# value a match is certain.
_SAME_ID, _CERTAIN = 0.25, 0.5
# Speed is the mean over these frames, and is believed for this long (a third of a second).
_SPEED_FRAMES, _SPEED_LASTS = 5, 10
# A body seen in fewer frames, and in less than this fraction of those of the person seen longest, is no person.
_BRIEF_FRAMES, _BRIEF_FRACTION = 11, 0.2
# Joints jitter from frame to frame; what is left after a mean over so many frames is movement.
_SMOOTH_FRAMES = 9


@dataclass(eq=False)
class _Track:
    """One body through neighbouring frames, or several such tracks of one person.

    Attributes:
        frames: Frame → joints, in order.
        first_id: Its id in the first frame.
        last_id: Its id in the last frame.
    """

    frames: dict[int, Joints]
    first_id: str
    last_id: str

    @property
    def first(self) -> int:
        return next(iter(self.frames))

    @property
    def last(self) -> int:
        return next(reversed(self.frames))

    def end(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[J, 3] its last joints, and [3] its speed, metres a frame."""
        recent = [self.frames[at][:, :3] for at in range(self.last, max(self.first, self.last - _SPEED_FRAMES) - 1, -1)]
        return recent[0], (recent[0] - recent[-1]).mean(axis=0) / max(len(recent) - 1, 1)


def follow_persons(bodies: Sequence[dict[str, Joints]], num_persons: int) -> list[dict[int, Joints]]:
    """Follow persons through a clip.

    Args:
        bodies: Per frame: id → joints.
        num_persons: P; of more persons those who move most, longest, are kept.

    Returns:
        P persons, each frame → joints; who moves most, longest, is the first.
    """
    persons: list[dict[int, Joints]] = []
    tracks = _without_brief(_join_gaps(_join_neighbours(bodies)))
    for track in sorted(tracks, key=lambda track: _movement(track.frames), reverse=True):
        free = [person for person in persons if not person.keys() & track.frames.keys()]
        if free:  # never seen together: the same person, who was lost and found
            min(free, key=lambda person: _distance(person, track.frames)).update(track.frames)
        elif len(persons) < num_persons:
            persons.append(dict(track.frames))
    persons.sort(key=_movement, reverse=True)
    return persons + [{} for _ in range(num_persons - len(persons))]


def _join_neighbours(bodies: Sequence[dict[str, Joints]]) -> list[_Track]:
    """Tracks without gaps."""
    tracks: list[_Track] = []
    for frame, seen in enumerate(bodies):
        going = [track for track in tracks if track.last == frame - 1]
        new = [_Track({frame: joints}, body, body) for body, joints in seen.items()]
        for before, after in _matches(going, new, certain=True):
            before.frames |= after.frames
            before.last_id = after.last_id
            new.remove(after)
        tracks += new
    return tracks


def _join_gaps(tracks: list[_Track]) -> list[_Track]:
    """Tracks that follow each other, joined. Who goes on as whom depends on the ends only, so once is enough."""
    onward = dict(_matches(tracks, tracks, certain=False))
    persons = [track for track in tracks if track not in onward.values()]
    for person in persons:
        part = person
        while part in onward:
            part = onward[part]
            person.frames |= part.frames
    return persons


def _matches(before: list[_Track], after: list[_Track], *, certain: bool) -> list[tuple[_Track, _Track]]:
    """Who goes on as whom, at the highest total likeness."""
    if not before or not after:
        return []
    likeness = np.stack([_likeness(one, after, certain=certain) for one in before])
    from scipy.optimize import linear_sum_assignment  # takes half a second to import, and few clips need it

    rows, columns = linear_sum_assignment(likeness, maximize=True)
    return [
        (before[row], after[column]) for row, column in zip(rows, columns, strict=True) if likeness[row, column] > 0
    ]


def _likeness(before: _Track, after: list[_Track], *, certain: bool) -> NDArray[np.float64]:
    """How well each of [N] tracks continues this one; 0 = not at all, 1 = exactly where it was expected."""
    out = np.zeros(len(after))
    later = [at for at, track in enumerate(after) if track.first > before.last]
    if not later:
        return out
    joints, speed = before.end()
    gap = np.array([after[at].first - before.last for at in later])
    expected = joints + speed * np.minimum(gap, _SPEED_LASTS)[:, None, None]  # [N, J, 3]
    begun = np.stack([after[at].frames[after[at].first][:, :3] for at in later])
    distance = np.linalg.norm(begun - expected, axis=2).mean(axis=1)
    place = 1 - distance / np.minimum(_NEAR + _NEARER_PER_FRAME * (gap - 1), _FARTHEST)
    same = np.array([_SAME_ID if before.last_id == after[at].first_id else 0.0 for at in later])
    out[later] = np.where((place > _CERTAIN) | (not certain), np.maximum(place, 0.0) + same, 0.0)
    return out


def _without_brief(tracks: list[_Track]) -> list[_Track]:
    longest = max((len(track.frames) for track in tracks), default=0)
    return [track for track in tracks if len(track.frames) >= min(_BRIEF_FRAMES, _BRIEF_FRACTION * longest)]


def _movement(frames: dict[int, Joints]) -> tuple[float, int]:
    """How much and how long a body moves; how long it is seen."""
    joints = np.stack([frames[at][:, :3] for at in sorted(frames)])
    width = min(_SMOOTH_FRAMES, (len(joints) + 1) // 2)
    total = np.cumsum(np.concatenate([np.zeros_like(joints[:1]), joints]), axis=0, dtype=np.float64)
    smooth = (total[width:] - total[:-width]) / width
    return float(smooth.std(axis=0).sum()) * len(frames), len(frames)


def _distance(one: dict[int, Joints], other: dict[int, Joints]) -> float:
    """Metres between two persons where they are nearest in time."""
    at, there = min(((a, b) for a in one for b in (min(other), max(other))), key=lambda pair: abs(pair[0] - pair[1]))
    return float(np.linalg.norm((one[at] - other[there])[:, :3].mean(axis=0)))

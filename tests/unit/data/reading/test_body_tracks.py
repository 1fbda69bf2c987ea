"""Persons are followed through whatever a Kinect does to their ids: drawn clips in which every body is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from actionmae.data.reading.body_tracks import follow_persons

MIDDLE, FRAMES = 40, 80
Array = NDArray[np.float32]


@dataclass
class Clip:
    """Per frame, id → (who it is, joints); "ghost" is nobody."""

    frames: list[dict[str, tuple[str, Array]]]
    rng: np.random.Generator

    def swap_ids(self, start: int = MIDDLE) -> None:
        other = {"A": "B", "B": "A"}
        for frame in range(start, FRAMES):
            self.frames[frame] = {other.get(body, body): seen for body, seen in self.frames[frame].items()}

    def lose(self, who: str, start: int, stop: int, *, back_as: str = "") -> None:
        """`who` is not seen for some frames, and comes back under another id."""
        for frame in range(start, FRAMES):
            bodies = self.frames[frame].items()
            if frame < stop:
                self.frames[frame] = {body: seen for body, seen in bodies if seen[0] != who}
            elif back_as:
                self.frames[frame] = {back_as if seen[0] == who else body: seen for body, seen in bodies}

    def add_ghost(self, start: int, stop: int, place: tuple[float, float, float]) -> None:
        """A chair that is taken for a body: wide, low, and its joints tremble."""
        joints = body(self.rng) * [1.0, 0.6, 1.0] + place
        for frame in range(start, stop):
            self.frames[frame]["chair"] = ("ghost", with_noise(joints, self.rng, metres=0.03))

    def place_of(self, who: str, frame: int) -> NDArray[np.float64]:
        return next(joints for seen, joints in self.frames[frame].values() if seen == who).mean(axis=0)


def body(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.stack([rng.normal(0, 0.2, 25), np.linspace(-0.9, 0.8, 25), rng.normal(0, 0.08, 25)], axis=1)


def with_noise(joints: NDArray[np.float64], rng: np.random.Generator, metres: float = 0.01) -> Array:
    return (joints + rng.normal(0, metres, joints.shape)).astype(np.float32)


def standing(seed: int, *, persons: str = "AB") -> Clip:
    """Face to face at 0.7–1.7 m; each waves an arm and sways."""
    rng = np.random.default_rng(seed)
    frames: list[dict[str, tuple[str, Array]]] = [{} for _ in range(FRAMES)]
    for side, who in zip((-1, 1), persons, strict=False):
        joints, at = body(rng), side * rng.uniform(0.35, 0.85)
        speed, height = rng.uniform(1, 6), rng.uniform(0.15, 0.3)
        for frame in range(FRAMES):
            moved = joints + np.array([at + 0.03 * np.sin(frame / 15 + side), 0, 3])
            moved[5:9, 1] += height * np.sin(speed * frame / 30 + np.arange(4) / 10)
            frames[frame][who] = (who, with_noise(moved, rng))
    return Clip(frames, rng)


def crossing(seed: int) -> Clip:
    """They walk past each other at 0.4 m, and are side by side in the middle."""
    rng = np.random.default_rng(seed)
    frames: list[dict[str, tuple[str, Array]]] = [{} for _ in range(FRAMES)]
    for way, who in ((-1, "A"), (1, "B")):
        joints, speed = body(rng) * [way, 1, way], rng.uniform(0.6, 1.4)
        for frame in range(FRAMES):
            place = [way * speed * (frame - MIDDLE) / 30, 0, 3 + 0.2 * way]
            frames[frame][who] = (who, with_noise(joints + place, rng))
    return Clip(frames, rng)


def ids_swap(clip: Clip) -> None:
    clip.swap_ids()


def ids_swap_in_a_gap(clip: Clip) -> None:
    for frame in (MIDDLE - 1, MIDDLE):
        clip.frames[frame].clear()
    clip.swap_ids()


def one_returns_after_20_frames_under_a_new_id(clip: Clip) -> None:
    clip.lose("A", MIDDLE - 10, MIDDLE + 10, back_as="C")


def one_takes_the_id_of_the_other_who_is_lost(clip: Clip) -> None:
    clip.lose("B", MIDDLE - 15, MIDDLE)
    for frame in range(MIDDLE, FRAMES):
        known = {"A": "C", "B": "A"}
        clip.frames[frame] = {known[body]: seen for body, seen in clip.frames[frame].items()}
    clip.lose("A", MIDDLE, MIDDLE + 8)


def a_ghost_in_a_gap(clip: Clip) -> None:
    ghost = clip.place_of("A", MIDDLE) + np.array([0.8, 0, 0.8])
    clip.lose("A", MIDDLE - 10, MIDDLE + 10, back_as="C")
    clip.add_ghost(MIDDLE - 4, MIDDLE + 4, tuple(ghost))


def a_ghost_for_a_moment(clip: Clip) -> None:
    clip.add_ghost(MIDDLE - 12, MIDDLE - 4, (1.0, -0.2, 3.9))


def a_ghost_all_the_time(clip: Clip) -> None:
    clip.add_ghost(0, FRAMES, (2.2, -0.2, 4.5))


def many_troubles(clip: Clip) -> None:
    for number in range(4):
        start = int(clip.rng.integers(5, FRAMES - 25))
        who = str(clip.rng.choice(["A", "B"]))
        kind = clip.rng.integers(3)
        if kind == 0:
            clip.swap_ids(start)
        elif kind == 1:
            clip.lose(who, start, start + int(clip.rng.integers(1, 20)), back_as=f"new {number}")
        else:
            clip.add_ghost(start, start + int(clip.rng.integers(1, 8)), (float(clip.rng.uniform(-2, 2)), -0.2, 4.4))


TROUBLES = [
    *((standing, trouble) for trouble in (a_ghost_in_a_gap, a_ghost_all_the_time, a_ghost_for_a_moment, many_troubles)),
    *(
        (start, trouble)
        for start in (standing, crossing)
        for trouble in (
            ids_swap,
            ids_swap_in_a_gap,
            one_returns_after_20_frames_under_a_new_id,
            one_takes_the_id_of_the_other_who_is_lost,
        )
    ),
]


def followed(clip: Clip) -> list[list[str]]:
    """Who is in each person's frames, after the bodies of every frame were shuffled."""
    bodies, known = [], {}
    for seen in clip.frames:
        order = clip.rng.permutation(list(seen))
        bodies.append({body: seen[body][1] for body in order})
        known |= {id(joints): who for who, joints in seen.values()}
    persons = follow_persons(bodies, 2)
    return [[known[id(joints)] for joints in person.values()] for person in persons]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("start", "trouble"), TROUBLES, ids=[f"{start.__name__}: {trouble.__name__}" for start, trouble in TROUBLES]
)
def test_two_persons_stay_two_persons(start: Callable[[int], Clip], trouble: Callable[[Clip], None], seed: int) -> None:
    clip = start(seed)
    trouble(clip)
    everywhere = [who for seen in clip.frames for who, _ in seen.values()]
    persons = sorted(followed(clip))
    assert [set(person) for person in persons] == [{"A"}, {"B"}]
    assert [len(person) for person in persons] == [everywhere.count("A"), everywhere.count("B")], "no frame is lost"


@pytest.mark.parametrize("seed", range(4))
def test_one_person_stays_one_person(seed: int) -> None:
    clip = standing(seed, persons="A")
    clip.lose("A", MIDDLE - 10, MIDDLE + 10, back_as="C")
    clip.add_ghost(5, 10, (1.8, -0.2, 4.0))
    clip.add_ghost(MIDDLE - 2, MIDDLE + 2, (1.8, -0.2, 4.0))
    first, second = followed(clip)
    assert set(first) == {"A"}
    assert len(first) == FRAMES - 20
    assert second == []


def test_who_moves_more_is_the_first() -> None:
    clip = standing(0)
    for frame, seen in enumerate(clip.frames):
        who, joints = seen["B"]
        joints[10:14, 1] += 0.5 * np.sin(frame / 5)
        seen["B"] = (who, joints)
    assert [set(person) for person in followed(clip)] == [{"B"}, {"A"}]


def test_a_jump_keeps_the_id_where_nothing_else_fits() -> None:
    """A low frame rate, or a person found again far away: an id that nothing contradicts is believed."""
    clip = standing(0, persons="A")
    for frame in range(MIDDLE, FRAMES):
        who, joints = clip.frames[frame]["A"]
        clip.frames[frame]["A"] = (who, joints + np.float32(3))
    assert followed(clip) == [["A"] * FRAMES, []]


def test_nobody_is_nobody() -> None:
    assert follow_persons([{}, {}], 2) == [{}, {}]

"""Which moments are read: in order, in range, aligned in time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionmae.data.loading.sampling import clip_generator, frame_indices, sample_positions, window_indices

SIZES = st.integers(1, 200)


@given(num_frames=SIZES, longest=SIZES, other=SIZES, seed=st.integers(0, 1000), train=st.booleans())
def test_positions_are_sorted_and_give_frames_in_range(
    num_frames: int, longest: int, other: int, seed: int, train: bool
) -> None:
    positions = sample_positions(num_frames, longest, np.random.default_rng(seed) if train else None)
    assert positions.shape == (num_frames,)
    assert (np.diff(positions) >= 0).all()
    assert ((positions > 0) & (positions < 1)).all()
    for frames in (longest, other):
        indices = frame_indices(positions, frames)
        assert indices.min() >= 0
        assert indices.max() < frames
        assert (np.diff(indices) >= 0).all()


@given(num_frames=SIZES, longest=SIZES, seed=st.integers(0, 1000))
def test_training_takes_no_frame_twice_if_there_are_enough(num_frames: int, longest: int, seed: int) -> None:
    positions = sample_positions(num_frames, longest, np.random.default_rng(seed))
    counts = np.bincount(frame_indices(positions, longest), minlength=longest)
    assert counts.max() - counts.min() <= 1
    assert counts.max() <= -(-num_frames // longest)


@given(num_frames=SIZES, seed=st.integers(0, 1000))
def test_segments_give_one_position_each(num_frames: int, seed: int) -> None:
    positions = sample_positions(num_frames, 50, np.random.default_rng(seed), segments=True)
    assert np.floor(positions * num_frames).tolist() == list(range(num_frames))
    other = sample_positions(num_frames, 50, np.random.default_rng(seed + 1), segments=True)
    assert (positions != other).any()


def test_test_takes_the_centres_of_equal_segments() -> None:
    assert frame_indices(sample_positions(4, 40), 40).tolist() == [5, 15, 25, 35]
    assert frame_indices(sample_positions(4, 4), 4).tolist() == [0, 1, 2, 3]
    assert frame_indices(sample_positions(4, 2), 2).tolist() == [0, 0, 1, 1]


def test_streams_of_different_length_stay_aligned() -> None:
    positions = sample_positions(16, 120, np.random.default_rng(0))
    long, short = frame_indices(positions, 120), frame_indices(positions, 60)
    np.testing.assert_array_equal(short, long // 2)


def test_every_frame_can_be_drawn_and_draws_differ() -> None:
    drawn = {
        int(index)
        for seed in range(60)
        for index in frame_indices(sample_positions(4, 12, np.random.default_rng(seed)), 12)
    }
    assert drawn == set(range(12))


def test_draws_depend_on_seed_epoch_sample_and_length_only() -> None:
    def draw(*key: object) -> list[float]:
        return clip_generator(*key).random(4).tolist()

    first = draw(0, 0, "a", 16)
    assert draw(0, 0, "a", 16) == first
    for other in ((1, 0, "a", 16), (0, 1, "a", 16), (0, 0, "b", 16), (0, 0, "a", 8)):
        assert draw(*other) != first


def test_windows_are_centred_and_clamped() -> None:
    windows = window_indices(np.array([0.0, 0.5, 0.999]), 100, 6)
    assert windows.tolist() == [[0, 0, 0, 0, 1, 2], [47, 48, 49, 50, 51, 52], [97, 98, 99, 99, 99, 99]]
    assert window_indices(np.array([0.5]), 3, 5).tolist() == [[0, 0, 1, 2, 2]]


@pytest.mark.parametrize(("num_frames", "longest"), [(0, 5), (5, 0)])
def test_nothing_to_choose_is_refused(num_frames: int, longest: int) -> None:
    with pytest.raises(ValueError, match=rf"cannot choose {num_frames} of {longest} frames"):
        sample_positions(num_frames, longest)

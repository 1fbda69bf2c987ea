"""The square around the person: margin, edges, noise."""

import numpy as np

from actionmae.data.person_crop import crop_to_person


def _frames() -> np.ndarray:
    frames = np.zeros((4, 60, 80), np.uint16)
    frames[0, 10:30, 40:50] = 2000
    frames[3, 20:50, 45:50] = 2500
    return frames


def test_one_square_box_holds_all_frames_with_a_margin() -> None:
    out = crop_to_person(_frames())
    assert out.shape == (4, 48, 48)  # 40 high (10–49), 10 % on either side
    assert (out > 0).sum() == (_frames() > 0).sum()
    rows = np.flatnonzero(out.any(axis=(0, 2)))
    assert (rows[0], rows[-1]) == (4, 43)


def test_a_box_beyond_the_image_is_filled_with_no_reading() -> None:
    frames = np.zeros((2, 30, 90), np.uint16)
    frames[:, 5:25, 0:60] = 1000
    out = crop_to_person(frames)
    assert out.shape == (2, 72, 72)
    assert (out > 0).sum() == (frames > 0).sum()


def test_single_pixels_of_noise_do_not_widen_it() -> None:
    frames = np.repeat(_frames(), 10, axis=0)
    frames[5, 0, 0] = 9000
    assert crop_to_person(frames).shape == (40, 48, 48)


def test_a_clip_without_readings_stays_whole() -> None:
    empty = np.zeros((2, 8, 9), np.uint16)
    assert crop_to_person(empty).shape == (2, 8, 9)

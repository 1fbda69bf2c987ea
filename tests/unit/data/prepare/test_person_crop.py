"""The square around the persons: margin, edges, noise, masks; points of joints."""

import numpy as np
import pytest

from actionmae.data.prepare.person_crop import PersonBox, box_around, find_person


def _frames() -> np.ndarray:
    frames = np.zeros((4, 60, 80), np.uint16)
    frames[0, 10:30, 40:50] = 2000
    frames[3, 20:50, 45:50] = 2500
    return frames


def _crop(frames: np.ndarray) -> np.ndarray:
    box = find_person(frames)
    assert box is not None
    return np.stack([box.cut(frame) for frame in frames])


def test_one_square_box_holds_all_frames_with_a_margin() -> None:
    out = _crop(_frames())
    assert out.shape == (4, 48, 48)  # 40 high (10–49), 10 % on either side
    assert (out > 0).sum() == (_frames() > 0).sum()
    rows = np.flatnonzero(out.any(axis=(0, 2)))
    assert (rows[0], rows[-1]) == (4, 43)


def test_a_box_beyond_the_image_is_filled_with_no_reading() -> None:
    frames = np.zeros((2, 30, 90), np.uint16)
    frames[:, 5:20, 0:60] = 1000
    out = _crop(frames)
    assert out.shape == (2, 72, 72)
    assert (out > 0).sum() == (frames > 0).sum()


def test_single_pixels_of_noise_do_not_widen_it() -> None:
    frames = np.repeat(_frames(), 10, axis=0)
    frames[5, 0, 0] = 9000
    assert _crop(frames).shape == (40, 48, 48)


def test_nobody_and_a_whole_room_are_no_person() -> None:
    assert find_person(np.zeros((2, 8, 9), np.uint16)) is None
    room = np.full((2, 8, 10), 2000, np.uint16)
    room[:, :, :4] = 0
    assert find_person(room) is None
    room[:, :, :5] = 0
    assert find_person(room) is not None


def test_joints_are_boxed_with_a_margin_in_a_smaller_copy() -> None:
    points = np.array([[399.5, 199.5], [599.5, 299.5], [499.5, 599.5]], np.float32)
    box = box_around(points, (540, 960), of=(1080, 1920))
    assert box is not None
    # rows 100–300 of the copy: 201 high, 10 % on either side; columns 200–300
    assert box.side == 242
    assert (box.top, box.left) == (80 - 1, 250 - 121)


@pytest.mark.parametrize("useless", [(np.nan, 5), (np.inf, 5), (5, -np.inf), (0, 0)])
def test_useless_points_do_not_count(useless: tuple[float, float]) -> None:
    good = np.array([[100, 100], [120, 200]], np.float32)
    box = box_around(good, (400, 400), of=(400, 400))
    assert box is not None
    assert box_around(np.array([useless, *good], np.float32), (400, 400), of=(400, 400)) == box
    assert box_around(np.array([useless], np.float32), (400, 400), of=(400, 400)) is None


def test_the_box_is_moved_into_the_image() -> None:
    corner = np.array([[300, 10], [395, 110]], np.float32)
    box = box_around(corner, (200, 400), of=(200, 400))
    assert box == PersonBox(top=0, left=400 - 122, side=122)
    beyond = np.array([[300, 10], [5000, 110]], np.float32)  # a joint outside of the image is at its edge
    assert box_around(beyond, (200, 400), of=(200, 400)) == PersonBox(top=0, left=400 - 122, side=122)


def test_a_box_larger_than_the_image_has_it_in_its_middle() -> None:
    wide = np.array([[10, 90], [389, 110]], np.float32)
    box = box_around(wide, (200, 400), of=(200, 400))
    assert box == PersonBox(top=(200 - 456) // 2, left=(400 - 456) // 2, side=456)
    image = np.full((200, 400, 3), 7, np.uint8)
    out = box.cut(image)
    assert out.shape == (456, 456, 3)
    assert out.dtype == np.uint8
    assert (out == 7).sum() == image.size

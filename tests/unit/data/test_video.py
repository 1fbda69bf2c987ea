"""Videos in and out: lossless depth, counted frames, broken files."""

from pathlib import Path

import numpy as np
import pytest

from actionmae.data.video import VideoStream, write_color_video, write_depth_video, write_gray_video


@pytest.fixture
def depth_frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 9000, (12, 32, 24)).astype(np.uint16)


def test_depth_video_is_lossless_and_any_frame_reads_alone(tmp_path: Path, depth_frames: np.ndarray) -> None:
    write_depth_video(tmp_path / "d.mkv", depth_frames, 30.0)
    stream = VideoStream(tmp_path / "d.mkv", "depth")
    assert (stream.num_frames, stream.rate) == (12, 30.0)
    read = stream.read([7, 7, 11])
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read[..., 0], depth_frames[[7, 7, 11]])


def test_color_and_gray_video_keep_their_frames_in_order(tmp_path: Path) -> None:
    levels = np.arange(0, 240, 20, dtype=np.uint8)
    gray = np.broadcast_to(levels[:, None, None], (12, 32, 24)).copy()
    color = np.stack([gray, 255 - gray, np.full_like(gray, 128)], axis=-1)
    write_gray_video(tmp_path / "g.avi", gray, 15.0)
    write_color_video(tmp_path / "c.avi", color, 29.97)
    stream = VideoStream(tmp_path / "g.avi", "gray")
    assert stream.rate == 15.0
    np.testing.assert_allclose(stream.read([0, 5, 9])[..., 0], gray[[0, 5, 9]], atol=3)
    stream = VideoStream(tmp_path / "c.avi", "color")
    assert stream.rate == pytest.approx(29.97)
    np.testing.assert_allclose(stream.read([2, 11]).astype(int), color[[2, 11]], atol=8)
    assert VideoStream(tmp_path / "c.avi", "flow").read([1]).shape == (1, 32, 24, 2)


def test_each_is_applied_to_every_frame_as_it_is_read(tmp_path: Path, depth_frames: np.ndarray) -> None:
    write_depth_video(tmp_path / "d.mkv", depth_frames, 30.0)
    read = VideoStream(tmp_path / "d.mkv", "depth").read([0, 3], each=lambda frame: frame[::2, ::3])
    np.testing.assert_array_equal(read[..., 0], depth_frames[[0, 3], ::2, ::3])


def test_video_whose_frames_depend_on_each_other_reads_the_same_frames_by_number(recordings: Path) -> None:
    stream = VideoStream(recordings / "ntu-sample" / "S001C001P001R001A001_rgb.avi", "color")
    assert (stream.num_frames, stream.rate) == (103, 30.0)

    def small(frame: np.ndarray) -> np.ndarray:
        return frame[::16, ::16]

    together = stream.read([3, 40], each=small)
    assert together.shape == (2, 68, 120, 3)
    np.testing.assert_array_equal(together[1], stream.read([40], each=small)[0])
    assert np.abs(together[0].astype(int) - together[1]).max() > 20


@pytest.mark.parametrize("name", ["c.avi", "d.mkv"])
def test_truncated_video_names_the_file_and_the_frame(tmp_path: Path, depth_frames: np.ndarray, name: str) -> None:
    path = tmp_path / name
    if name == "d.mkv":
        write_depth_video(path, depth_frames, 30.0)
    else:
        write_color_video(path, np.repeat(depth_frames[..., None] % 256, 3, axis=3).astype(np.uint8), 30.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"{name} is cut off after frame \d+: copy or convert it again"):
        VideoStream(path, "depth" if name == "d.mkv" else "color")


def test_damaged_frame_is_named(tmp_path: Path, depth_frames: np.ndarray) -> None:
    path = tmp_path / "d.mkv"
    write_depth_video(path, depth_frames, 30.0)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"d\.mkv (cannot be|is cut off)"):
        VideoStream(path, "depth").read(range(12))


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.avi does not exist"):
        VideoStream(tmp_path / "none.avi", "color")
    (tmp_path / "text.avi").write_text("no video at all")
    with pytest.raises(ValueError, match=r"text\.avi cannot be opened as a video"):
        VideoStream(tmp_path / "text.avi", "color")


def test_depth_needs_16_bits(tmp_path: Path) -> None:
    write_gray_video(tmp_path / "g.avi", np.zeros((3, 16, 16), np.uint8), 30.0)
    with pytest.raises(ValueError, match="depth needs millimetres in a 16-bit gray video"):
        VideoStream(tmp_path / "g.avi", "depth")


@pytest.mark.parametrize(
    "frames",
    [np.zeros((3, 8, 8), np.float32), np.zeros((0, 8, 8), np.uint16), np.zeros((3, 8, 8, 1), np.uint16)],
    ids=["type", "empty", "shape"],
)
def test_writer_refuses_other_frames(tmp_path: Path, frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"give uint16 \[n, h, w\] with n at least 1"):
        write_depth_video(tmp_path / "d.mkv", frames, 30.0)


def test_writer_leaves_no_unfinished_file(tmp_path: Path, depth_frames: np.ndarray) -> None:
    write_depth_video(tmp_path / "new" / "d.mkv", depth_frames, 30.0)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["d.mkv"]

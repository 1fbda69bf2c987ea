"""Videos in and out: lossless depth, counted frames, broken files."""

import contextlib
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from actionmae.core.modality import Value
from actionmae.data.prepare.video_writer import write_color_video, write_depth_video, write_gray_video
from actionmae.data.reading.avi_frames import find_frames
from actionmae.data.reading.video import VideoReader


@pytest.fixture
def depth_frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 9000, (12, 32, 24)).astype(np.uint16)


def test_depth_video_is_lossless_and_any_frame_reads_alone(tmp_path: Path, depth_frames: np.ndarray) -> None:
    write_depth_video(tmp_path / "d.mkv", depth_frames, 30.0)
    reader = VideoReader(tmp_path / "d.mkv", "depth")
    assert (reader.num_frames, reader.fps) == (12, 30.0)
    read = reader.read([7, 7, 11])
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read[..., 0], depth_frames[[7, 7, 11]])


def test_color_and_gray_video_keep_their_frames_in_order(tmp_path: Path) -> None:
    levels = np.arange(0, 240, 20, dtype=np.uint8)
    gray = np.broadcast_to(levels[:, None, None], (12, 32, 24)).copy()
    color = np.stack([gray, 255 - gray, np.full_like(gray, 128)], axis=-1)
    write_gray_video(tmp_path / "g.avi", gray, 15.0)
    write_color_video(tmp_path / "c.avi", color, 29.97)
    reader = VideoReader(tmp_path / "g.avi", "gray")
    assert reader.fps == 15.0
    np.testing.assert_allclose(reader.read([0, 5, 9])[..., 0], gray[[0, 5, 9]], atol=3)
    reader = VideoReader(tmp_path / "c.avi", "color")
    assert reader.fps == pytest.approx(29.97)
    np.testing.assert_allclose(reader.read([2, 11]).astype(int), color[[2, 11]], atol=8)
    assert VideoReader(tmp_path / "c.avi", "flow").read([1]).shape == (1, 32, 24, 2)


@pytest.mark.parametrize("name", ["d.mkv", "d.avi"])
def test_images_come_one_by_one_and_again_where_asked_twice(
    tmp_path: Path, depth_frames: np.ndarray, name: str
) -> None:
    write_depth_video(tmp_path / name, depth_frames, 30.0)
    images = VideoReader(tmp_path / name, "depth").images([0, 3, 3])
    for image, index in zip(images, [0, 3, 3], strict=True):
        np.testing.assert_array_equal(image[..., 0], depth_frames[index])


def test_video_whose_frames_depend_on_each_other_reads_the_same_frames_by_number(recordings: Path) -> None:
    reader = VideoReader(recordings / "ntu-sample" / "S001C001P001R001A001_rgb.avi", "color")
    assert (reader.num_frames, reader.fps) == (103, 30.0)

    together = reader.read([3, 40])[:, ::16, ::16]
    assert together.shape == (2, 68, 120, 3)
    np.testing.assert_array_equal(together[1], reader.read([40])[0, ::16, ::16])
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
        VideoReader(path, "depth" if name == "d.mkv" else "color")


def test_damaged_frame_is_named(tmp_path: Path, depth_frames: np.ndarray) -> None:
    path = tmp_path / "d.mkv"
    write_depth_video(path, depth_frames, 30.0)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"d\.mkv (cannot be|is cut off)"):
        VideoReader(path, "depth").read(range(12))


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.avi does not exist"):
        VideoReader(tmp_path / "none.avi", "color")
    (tmp_path / "text.avi").write_text("no video at all")
    with pytest.raises(ValueError, match=r"text\.avi cannot be opened as a video"):
        VideoReader(tmp_path / "text.avi", "color")


def test_a_codec_that_ffmpeg_does_not_know_is_named(tmp_path: Path) -> None:
    write_gray_video(tmp_path / "g.avi", np.zeros((3, 16, 16), np.uint8), 30.0)
    (tmp_path / "g.avi").write_bytes((tmp_path / "g.avi").read_bytes().replace(b"MJPG", b"ZZZZ"))
    with pytest.raises(ValueError, match=r"g\.avi is coded in a way that FFmpeg does not know: convert it"):
        VideoReader(tmp_path / "g.avi", "gray")


@pytest.mark.parametrize("value", ["color", "depth"])
def test_a_damaged_file_gives_frames_or_a_value_error(tmp_path: Path, value: Value) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "damaged.avi"
    if value == "color":
        write_color_video(path, rng.integers(0, 255, (3, 16, 16, 3), dtype=np.uint8), 30.0)
    else:
        write_depth_video(path, rng.integers(0, 9000, (3, 16, 16), dtype=np.uint16), 30.0)
    whole, given = np.frombuffer(path.read_bytes(), np.uint8), 0
    header = whole.tobytes().index(b"movi") + 40  # and the first image's own
    for damage in range(150):
        flipped = whole.copy()
        flipped[rng.integers(12, header if damage % 2 else len(whole), 3)] ^= rng.integers(1, 255, 3, dtype=np.uint8)
        path.write_bytes(flipped.tobytes())
        with contextlib.suppress(ValueError):
            given += len(VideoReader(path, value).read([0])) == 1
    assert 10 < given < 150


def test_a_damaged_length_in_a_png_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_depth_video(tmp_path / "d.avi", np.ones((3, 16, 16), np.uint16), 30.0)
    whole = (tmp_path / "d.avi").read_bytes()
    at = whole.rindex(b"IDAT") - 4
    (tmp_path / "d.avi").write_bytes(whole[:at] + b"\x7f" + whole[at + 1 :])  # two gigabytes
    decoded, imdecode = [], cv2.imdecode
    monkeypatch.setattr("cv2.imdecode", lambda data, flags: decoded.append(len(data)) or imdecode(data, flags))
    with pytest.raises(ValueError, match=r"d\.avi cannot be decoded at frame 2"):
        VideoReader(tmp_path / "d.avi", "depth").read([0, 1, 2])
    assert len(decoded) == 2


def test_frames_of_different_sizes_are_no_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gray_video(tmp_path / "g.avi", np.zeros((2, 16, 16), np.uint8), 30.0)
    images = [np.zeros((16, 16, 1), np.uint8), np.zeros((8, 16, 1), np.uint8)]
    monkeypatch.setattr(VideoReader, "images", lambda self, indices: iter(images))
    with pytest.raises(ValueError, match=r"g\.avi has frames that differ in size: convert it to one size"):
        VideoReader(tmp_path / "g.avi", "gray").read([0, 1])


def test_a_title_need_not_be_utf8(tmp_path: Path) -> None:
    write_gray_video(tmp_path / "g.mkv", np.zeros((3, 16, 16), np.uint8), 30.0)
    whole = (tmp_path / "g.mkv").read_bytes()
    assert b"Lavf" in whole
    (tmp_path / "g.mkv").write_bytes(whole.replace(b"Lavf", b"K\xfcns"))
    assert VideoReader(tmp_path / "g.mkv", "gray").num_frames == 3


def test_no_more_is_read_of_a_damaged_avi_than_a_header_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gray_video(tmp_path / "g.avi", np.zeros((3, 16, 16), np.uint8), 30.0)
    whole = (tmp_path / "g.avi").read_bytes()
    with (tmp_path / "zeros.avi").open("wb") as file:  # a download that stopped: the rest of the file is there, empty
        file.write(whole[:12])
        file.truncate(1 << 30)
    steps = []
    unpack = struct.unpack
    monkeypatch.setattr("struct.unpack", lambda form, data: steps.append(form) or unpack(form, data))
    assert find_frames(tmp_path / "zeros.avi", "gray") is None
    assert 0 < len(steps) < 100


def test_depth_needs_16_bits(tmp_path: Path) -> None:
    write_gray_video(tmp_path / "g.avi", np.zeros((3, 16, 16), np.uint8), 30.0)
    with pytest.raises(
        ValueError, match=r"depth needs millimetres in a 16-bit gray video .* say \{name: depth, value: gray\}"
    ):
        VideoReader(tmp_path / "g.avi", "depth")


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


def test_nothing_but_the_wanted_frames_is_read_and_decoded(
    tmp_path: Path, depth_frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_depth_video(tmp_path / "d.avi", depth_frames, 30.0)
    reader, sizes = VideoReader(tmp_path / "d.avi", "depth"), []
    decode = cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda data, flags: sizes.append(len(data)) or decode(data, flags))
    assert reader.read([2, 2, 9]).shape[0] == 3
    assert len(sizes) == 2
    assert sum(sizes) < (tmp_path / "d.avi").stat().st_size / 4


def _avi_with_sound(path: Path, frames: np.ndarray) -> None:
    """A webcam's file: MJPEG beside PCM sound, which comes first."""
    with av.open(str(path), "w", format="avi") as container:
        sound: Any = container.add_stream("pcm_s16le", rate=8000)
        video: Any = container.add_stream("mjpeg", rate=30, options={"qmin": "2", "qmax": "3"})
        video.height, video.width, video.pix_fmt = *frames.shape[1:3], "yuvj420p"
        for frame in frames:
            noise = av.AudioFrame.from_ndarray(np.ones((1, 256), np.int16), format="s16", layout="mono")
            noise.sample_rate = 8000
            container.mux(sound.encode(noise))
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        for reader in (sound, video):
            container.mux(reader.encode(None))


def _ffmpeg_frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_the_video_beside_sound_is_found_by_the_index(tmp_path: Path) -> None:
    frames = np.repeat(np.arange(0, 240, 20, dtype=np.uint8), 32 * 24 * 3).reshape(12, 32, 24, 3)
    _avi_with_sound(tmp_path / "a.avi", frames)
    reader = VideoReader(tmp_path / "a.avi", "color")
    assert (reader.direct, reader.num_frames, reader.fps, reader.size) == (True, 12, 30.0, (32, 24))
    np.testing.assert_allclose(reader.read(range(12)).astype(int), _ffmpeg_frames(tmp_path / "a.avi"), atol=2)


def test_what_one_index_does_not_hold_or_opencv_would_read_otherwise_is_left_to_ffmpeg(tmp_path: Path) -> None:
    frames = np.repeat(np.arange(0, 240, 20, dtype=np.uint8), 32 * 24 * 3).reshape(12, 32, 24, 3)
    write_color_video(tmp_path / "c.avi", frames, 30.0)
    whole = (tmp_path / "c.avi").read_bytes()
    expected = VideoReader(tmp_path / "c.avi", "color").read(range(12)).astype(int)
    at = whole.index(b"strh") + 8 + 32  # the stream's length
    more = whole[:at] + (13).to_bytes(4, "little") + whole[at + 4 :]
    start = whole.index(b"\xff\xd8")
    size = int.from_bytes(whole[start - 4 : start], "little")
    limited = whole[: start + 2] + b"\xff\xfe\x00\x0bCS=ITU601" + whole[start + 2 + 13 : start + size]
    assert len(limited) == start + size
    for name, content in {"more": more, "index": whole.replace(b"idx1", b"JUNK")}.items():
        (tmp_path / f"{name}.avi").write_bytes(content)
        reader = VideoReader(tmp_path / f"{name}.avi", "color")
        assert (reader.direct, reader.num_frames) == (False, 12)
        np.testing.assert_allclose(reader.read(range(12)).astype(int), expected, atol=3)
    (tmp_path / "limited.avi").write_bytes(limited + whole[start + size :])
    assert not VideoReader(tmp_path / "limited.avi", "color").direct
    for end in range(12, 400, 7):  # a header cut anywhere is no AVI of images, and nothing else goes wrong
        (tmp_path / "cut.avi").write_bytes(whole[:end])
        assert find_frames(tmp_path / "cut.avi", "color") is None


def test_masked_depth_is_smaller_without_prediction_and_whole_depth_with_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:96, 0:128]
    surface = (2000 + 5 * rows + 3 * columns + rng.normal(0, 2, (4, 96, 128))).astype(np.uint16)
    masked = np.where((rows - 48) ** 2 + (columns - 60) ** 2 < 900, surface, 0).astype(np.uint16)
    filters = {}
    for name, frames in {"whole": surface, "masked": masked}.items():
        write_depth_video(tmp_path / f"{name}.avi", frames, 30.0)
        np.testing.assert_array_equal(VideoReader(tmp_path / f"{name}.avi", "depth").read(range(4))[..., 0], frames)
        with av.open(str(tmp_path / f"{name}.avi")) as container:
            png = bytes(next(container.demux(video=0)))
        data = b"".join(png[at + 4 : at + 4 + int.from_bytes(png[at - 4 : at], "big")] for at in _finds(png, b"IDAT"))
        filters[name] = set(zlib.decompress(data)[1 + 2 * 128 :: 1 + 2 * 128])
    assert filters == {"whole": {2}, "masked": {0}}  # PNG's "up" and "none"


def _finds(data: bytes, word: bytes) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(word), data)]


@pytest.mark.parametrize(("to_the_right", "turns"), [((0, 1, -1, 0), -1), ((0, -1, 1, 0), 1), ((-1, 0, 0, -1), 2)])
def test_a_video_that_is_to_be_shown_turned_is_read_turned(
    tmp_path: Path, to_the_right: tuple[int, ...], turns: int
) -> None:
    path = tmp_path / "telephone.mp4"
    image = np.zeros((32, 48, 3), np.uint8)
    image[:8, :8] = 255  # the upper left corner
    with av.open(str(path), "w") as container:
        reader: Any = container.add_stream("libx264", rate=30)
        reader.height, reader.width, reader.pix_fmt = 32, 48, "yuv420p"
        for _ in range(3):
            container.mux(reader.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(reader.encode(None))
    data = bytearray(path.read_bytes())
    a, b, c, d = (each << 16 for each in to_the_right)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)  # its display matrix
    path.write_bytes(data)
    read = VideoReader(path, "color").read([0, 2])
    np.testing.assert_allclose(read[1].astype(int), np.rot90(image, turns), atol=40)


def test_a_video_without_a_rate_has_that_of_its_frames(tmp_path: Path) -> None:
    """As a browser records a webcam: frames with times, and no rate."""
    with av.open(str(tmp_path / "named.webm"), "w") as container:
        stream = container.add_stream("libvpx", rate=1000)
        stream.width = stream.height = 32
        for time in (0, 31, 70, 190, 400, 410, 800, 1200):  # milliseconds
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), time % 256, np.uint8), format="rgb24")
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    before, rate, after = (tmp_path / "named.webm").read_bytes().partition(b"\x23\xe3\x83\x83")
    assert rate
    (tmp_path / "clip.webm").write_bytes(before + b"\xec\x85" + bytes(5) + after[3:])  # a void in its place
    assert VideoReader(tmp_path / "clip.webm", "color").fps == pytest.approx(7 / 1.2)

"""What packets say of a video: where decoding may begin, what a trimmed file shows, when uneven frames were taken."""

import dataclasses
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import av
import cv2
import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.loading.clip_frames import read_at
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.reading.readers import FrameReader, frames_of, open_reader
from actionmae.data.reading.video import VideoReader
from actionmae.data.reading.video_packets import _trusted, packets_from

FRAMES, GROUP = 40, 10


def _write(path: Path, codec: str, times: Sequence[int] | None = None, rate: int = 30, **options: str) -> None:
    """Moving noise, or with times (of `rate` a second) frames as bright as their numbers."""
    scene = np.random.default_rng(0).integers(0, 255, (64, 96 + FRAMES, 3)).astype(np.uint8)
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options={"g": str(GROUP), **options})
        stream.height, stream.width = 64, 96
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for at in range(FRAMES if times is None else len(times)):
            image = np.ascontiguousarray(scene[:, at : at + 96])
            frame = av.VideoFrame.from_ndarray(
                image if times is None else np.full_like(image, 8 * at % 256), format="rgb24"
            )
            if times is not None:
                frame.pts = times[at]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _watch(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The packets from which on frames are then looked for."""
    begun: list[int] = []
    decode = VideoReader._decode_from

    def watched(self: VideoReader, container: Any, begin: int, wanted: list[int]) -> Any:
        begun.append(begin)
        return decode(self, container, begin, wanted)

    monkeypatch.setattr(VideoReader, "_decode_from", watched)
    return begun


X264 = {"bf": "3", "x264-params": "scenecut=0"}
CLOSED = {
    "h264.mp4": ("libx264", X264),
    "h264.mkv": ("libx264", X264),
    "h265.mp4": ("libx265", {"x265-params": f"log-level=none:keyint={GROUP}:min-keyint={GROUP}:bframes=3:scenecut=0"}),
    "mpeg4.mp4": ("mpeg4", {"bf": "2", "sc_threshold": "1000000000"}),
    "vp9.webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    "mjpg.mkv": ("mjpeg", {}),
    "ffv1.mkv": ("ffv1", {"g": "1"}),
}
OTHERS = {
    "open.mp4": ("libx264", {"bf": "3", "x264-params": "scenecut=0:open-gop=1"}),
    "refresh.mp4": ("libx264", {"bf": "0", "x264-params": "scenecut=0:intra-refresh=1"}),
    "groups.mkv": ("ffv1", {}),
    "h264.ts": ("libx264", X264),
    "h264.avi": ("libx264", X264),
}


@pytest.mark.parametrize("name", [*CLOSED, *OTHERS])
def test_a_frame_alone_is_the_frame_among_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    codec, options = (CLOSED | OTHERS)[name]
    _write(tmp_path / name, codec, **options)
    reader = VideoReader(tmp_path / name, "color")
    with av.open(str(tmp_path / name)) as container:
        whole = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert reader.num_frames == len(whole) == FRAMES
    np.testing.assert_array_equal(reader.read([13, 13, 31, 39]), np.stack([whole[at] for at in (13, 13, 31, 39)]))
    begun = _watch(monkeypatch)
    for at in range(FRAMES):
        np.testing.assert_array_equal(reader.read([at])[0], whole[at])
    assert len(begun) == FRAMES, "nothing was looked for in vain"
    assert begun[-1] >= FRAMES - GROUP - 3 if name in CLOSED else not any(begun), "what is uncertain begins at 0"


@pytest.mark.parametrize("name", ["h264.mp4", "mjpg.mkv"])
def test_what_is_not_found_by_its_time_is_read_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    codec, options = CLOSED[name]
    _write(tmp_path / name, codec, **options)
    reader = VideoReader(tmp_path / name, "color")
    expected, packets = reader.read([15, 18]), reader._packets
    assert packets is not None
    reader._packets = dataclasses.replace(packets, places=np.full_like(packets.places, 10**9))
    begun = _watch(monkeypatch)
    np.testing.assert_array_equal(reader.read([15, 18]), expected)
    assert begun == [{"h264.mp4": 10, "mjpg.mkv": 15}[name], 0]
    container = MagicMock()
    container.seek.side_effect = av.FFmpegError(1, "no index")
    assert list(packets_from(container, packets, 10)) == []


def _trim(path: Path, *, start: int, count: int) -> None:
    """Write into an MP4 of 30 frames a second that only these frames are to be shown, as the editor of a telephone."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12  # one entry: length in milliseconds, start in ticks of 1/15360 s
    _, first = struct.unpack_from(">Ii", data, at)
    struct.pack_into(">Ii", data, at, count * 1000 // 30, first + start * 512)
    path.write_bytes(data)


@pytest.mark.parametrize(("start", "count"), [(15, 25), (0, 12), (13, 9)])
@pytest.mark.parametrize("name", ["h264", "mjpeg"])
def test_a_trimmed_video_has_the_frames_that_it_shows(tmp_path: Path, name: str, start: int, count: int) -> None:
    path = tmp_path / "trimmed.mp4"
    _write(path, *(("libx264",) if name == "h264" else ("mjpeg",)), **(X264 if name == "h264" else {}))
    whole = VideoReader(path, "color").read(range(FRAMES))
    _trim(path, start=start, count=count)
    reader = VideoReader(path, "color")
    assert reader.num_frames == count
    np.testing.assert_array_equal(reader.read(range(count)), whole[start : start + count])
    np.testing.assert_array_equal(reader.read([count - 1])[0], whole[start + count - 1])


@pytest.mark.parametrize("trimmed", [False, True])
def test_a_video_that_is_cut_off_is_refused_although_it_is_trimmed(tmp_path: Path, trimmed: bool) -> None:
    path = tmp_path / "cut.mp4"
    _write(path, "mjpeg")
    if trimmed:
        _trim(path, start=10, count=30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"cut\.mp4 is cut off after frame \d+: copy or convert it again"):
        VideoReader(path, "color")


@pytest.mark.parametrize("fps", [24, 30, 60, 30000 / 1001, 60000 / 1001, 240])
def test_frames_whose_times_are_rounded_are_even(tmp_path: Path, fps: float) -> None:
    times = [round(at * 1000 / fps) for at in range(50)]
    for _ in range(2):
        _write(tmp_path / "even.mkv", "mjpeg", times, 1000)
        assert VideoReader(tmp_path / "even.mkv", "color").moments is None
        del times[20]  # one frame that was lost is not worth a word


@pytest.mark.parametrize("name", [*CLOSED, *OTHERS])
def test_frames_that_lie_in_another_order_are_even(tmp_path: Path, name: str) -> None:
    codec, options = (CLOSED | OTHERS)[name]
    _write(tmp_path / name, codec, **options)
    reader = open_reader(tmp_path / name, RGB)
    assert isinstance(reader, VideoReader)
    assert (reader.moments, reader.fps) == (None, 30)


@pytest.mark.parametrize("times", [[*range(30), *range(30)], [*range(0, 60, 2), *range(1, 60, 2)]])
def test_times_that_begin_anew_say_nothing(times: list[int]) -> None:
    """As of two recordings that were put behind each other."""
    assert len(_trusted(np.array(times[:30], np.int64))) == 30
    assert len(_trusted(np.array(times, np.int64))) == 0


RGB = resolve({"name": "rgb", "shape": [3, 16, 16]})
# A telephone when the light goes out: 15 frames in half a second, then 15 in a second and a half. Milliseconds.
UNEVEN = [*range(0, 495, 33), *range(500, 2000, 100)]


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    _write(tmp_path / "uneven.mkv", "mjpeg", UNEVEN, 1000)
    return tmp_path / "uneven.mkv"


def _shown(reader: FrameReader) -> list[int]:
    """When the frames of a reader were taken, in milliseconds."""
    return [UNEVEN[round(float(image.mean()) / 8)] for image in frames_of(reader)]


def _nearest(moments: Sequence[float]) -> list[int]:
    return [min(UNEVEN, key=lambda time: abs(time - moment)) for moment in moments]


def test_uneven_frames_are_read_at_their_moments(uneven: Path) -> None:
    reader = open_reader(uneven, RGB)
    assert (reader.num_frames, reader.times) == (30, None)
    assert reader.fps == pytest.approx(29 / 1.9)
    assert _shown(reader) == _nearest(np.linspace(0, 1900, 30))
    positions = np.array([0.1, 0.3, 0.5, 0.9])
    frames = read_at(reader, RGB, positions)
    uneven.with_suffix(".txt").write_text("".join(f"{time / 1000}\n" for time in UNEVEN))
    clocked = read_at(open_reader(f"{uneven}@uneven.txt", RGB), RGB, positions)
    np.testing.assert_allclose(frames.mean((1, 2, 3)), clocked.mean((1, 2, 3)), atol=8.5)


def test_cells_choose_uneven_frames_by_number_and_by_time(uneven: Path) -> None:
    assert _shown(open_reader(f"{uneven}#10-19", RGB)) == _nearest(np.linspace(UNEVEN[10], UNEVEN[19], 10))
    part = open_reader(f"{uneven}#0.4s-0.75s", RGB)
    assert (part.num_frames, part.fps) == (5, pytest.approx(4 / 0.271))
    assert set(_shown(part)) <= {429, 462, 500, 600, 700}
    with pytest.raises(ValueError, match=r"asks for more than its 1\.966 s: choose from there"):
        open_reader(f"{uneven}#0.4s-3s", RGB)
    for cell, expected in {"@0.5s": np.array(UNEVEN) / 1000 + 0.5, "@15fps": np.arange(30) / 15}.items():
        clocked = open_reader(f"{uneven}{cell}", RGB)
        np.testing.assert_allclose(clocked.times, expected)
        assert _shown(clocked) == UNEVEN
    single = open_reader(f"{uneven}#7", RGB)
    assert _shown(single) == [UNEVEN[7]]


def test_prepared_uneven_frames_are_evenly_spaced(uneven: Path, tmp_path: Path) -> None:
    clip = tmp_path / "raw" / "wave" / "a"
    (clip / "depth").mkdir(parents=True)
    uneven.rename(clip / "rgb.mkv")
    for at in range(19):
        cv2.imwrite(str(clip / "depth" / f"{at}.png"), np.full((16, 16), 1000 + at, np.uint16))
    report = prepare("folder", tmp_path / "raw", tmp_path / "out", short_side=32)
    assert report.problems == ()
    files = read_manifest(report.manifest).rows[0].files
    prepared = open_reader(files["rgb"], RGB)
    assert isinstance(prepared, VideoReader)
    assert (prepared.direct, files["rgb"].clock) == (True, None)
    assert prepared.fps == pytest.approx(29 / 1.9, abs=0.01)
    assert _shown(prepared) == _nearest(np.linspace(0, 1900, 30))
    assert open_reader(files["depth"], resolve("depth")).fps == pytest.approx(19 / 30 * 29 / 1.9, abs=0.01)

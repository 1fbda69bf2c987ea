"""Recordings in real time, cameras that come back, what cannot be kept up with; no model, a clock by hand."""

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.reading.readers import ArrayReader, ChosenFrames
from actionmae.inference.stream import StreamPredictor
from actionmae.inference.stream_run import Outage, run_stream
from actionmae.inference.stream_sources import Camera, Recording, WallClock, open_source, open_sources

RGB = ModalitySet([{"name": "rgb", "shape": [3, 8, 8], "fps": 30.0}])[0]
SIGNAL = {"kind": "signal", "value": "raw", "encoder": "signal", "num_frames": 4}
INERTIAL = ModalitySet([{"name": "inertial", "shape": [6, 8], "fps": 50.0}])[0]


class ByHand:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Noting:
    """In place of a model: notes what it encodes, and takes its time."""

    modalities = ModalitySet([RGB, INERTIAL])
    classes = ("wave",)
    supported_subsets = None
    calibration = None
    token_width = 1

    def __init__(self, clock: ByHand, seconds: float = 0.0) -> None:
        self.clock, self.seconds, self.encoded = clock, seconds, []

    def keeps_features(self, name: str) -> bool:
        return name == "rgb"

    def encode_frame(self, name: str, frame: Any) -> Any:
        self.clock.now += self.seconds
        self.encoded.append(int(frame[0, 0, 0]))
        return frame

    def encode_features(self, name: str, features: Any, frame_available: Any) -> Any:
        return np.zeros(1, np.float32)

    def encode_clip(self, name: str, clip: Any) -> Any:
        return np.zeros(1, np.float32)

    def logits(self, tokens: Any, visible: Any) -> Any:
        return np.zeros(1, np.float32)


def video(frames: int) -> ArrayReader:
    """Frame n is of colour n."""
    return ArrayReader(np.arange(frames, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 8, 8, 3), np.uint8), 30.0)


def run(model: Noting, sources: dict[str, Any], clock: ByHand, **options: Any) -> list[Any]:
    predictor = StreamPredictor(model, window_seconds=1.0)
    return list(run_stream(predictor, sources, clock, **{"every": 0.1, **options}))


def test_a_recording_is_played_in_real_time() -> None:
    clock = ByHand()
    model = Noting(clock)
    answers = run(model, {"rgb": Recording(video(60), RGB)}, clock)
    assert model.encoded == list(range(60))
    assert clock.now == pytest.approx(2.0, abs=0.05)
    assert [answer.time for answer in answers] == sorted(answer.time for answer in answers)
    assert len(answers) == pytest.approx(20, abs=2)


def test_the_newest_wins_when_encoding_is_too_slow() -> None:
    clock = ByHand()
    model, source = Noting(clock, seconds=0.1), Recording(video(60), RGB)  # three frames arrive while one is encoded
    answers = run(model, {"rgb": source}, clock)
    assert len(model.encoded) < 25
    assert len(model.encoded) + source.skipped == 60
    assert model.encoded[-1] == 59
    assert clock.now < 2.3, "nothing is worked off afterwards"
    ages = [answer.sensors["rgb"].age for answer in answers]
    assert max(ages) < 0.1 + 1 / 30 + 0.01, "an answer is as old as its frame took, and less than a frame interval"


def test_samples_are_never_passed_over() -> None:
    clock = ByHand()
    source = Recording(ArrayReader(np.zeros((100, 6), np.float32), 50.0), INERTIAL)
    clock.now = 1.0
    assert len(source.poll(clock.time())) == 50
    assert source.poll(clock.time()) == []
    assert (source.skipped, source.ended) == (0, False)


def test_an_outage_silences_one_sensor_for_a_while() -> None:
    clock = ByHand()
    sources = {
        "rgb": Recording(video(90), RGB),
        "inertial": Recording(ArrayReader(np.zeros((150, 6), np.float32), 50.0), INERTIAL),
    }
    outage = Outage.parse("rgb@1s-2s", list(sources))
    answers = run(Noting(clock), sources, clock, outages=[outage])
    available = {round(answer.time, 1): answer.prediction.available for answer in answers if answer.prediction}
    assert available[0.9] == ("rgb", "inertial")
    assert available[1.5] == ("inertial",)
    assert available[2.5] == ("rgb", "inertial")


def test_a_recording_with_a_clock_keeps_it() -> None:
    timed = ChosenFrames(video(3), np.arange(3), np.array([0.5, 0.6, 2.0]), None)
    source = Recording(timed, RGB)
    assert source.poll(0.4) == []
    assert [stamp for _, stamp in source.poll(1.0)] == [0.6]
    assert not source.ended
    assert [stamp for _, stamp in source.poll(2.0)] == [2.0]
    assert source.ended


def test_recordings_with_clocks_begin_with_the_run(tmp_path: Path) -> None:
    """Seconds since 1970, in which one sensor begins 0.5 s later; the third has no clock."""
    now = 1_790_000_000.0
    for name, frames, width in (("a", 10, 6), ("b", 10, 5), ("c", 10, 6)):
        np.save(tmp_path / f"{name}.npy", np.zeros((frames, width), np.float32))
    for name, start in (("a", now), ("b", now + 0.5), ("late", now + 500)):
        (tmp_path / f"{name}.txt").write_text("".join(f"{start + at / 10:.2f}\n" for at in range(10)))
    sound = {"name": "sound", "letter": "X", "kind": "features", "shape": [5], "value": "raw", "encoder": "features"}
    modalities = ModalitySet([INERTIAL, sound, {"name": "plain", "letter": "P", "shape": [6, 8], "fps": 10.0} | SIGNAL])
    words = {"inertial": f"{tmp_path}/a.npy@a.txt", "sound": f"{tmp_path}/b.npy@b.txt", "plain": f"{tmp_path}/c.npy"}
    sources = open_sources(words, modalities, ByHand())
    stamps = {name: [stamp for _, stamp in source.poll(2.0)] for name, source in sources.items()}
    assert stamps["inertial"] == pytest.approx([0.05 + at / 10 for at in range(10)], abs=1e-6)
    assert stamps["sound"] == pytest.approx([0.55 + at / 10 for at in range(10)], abs=1e-6)
    assert stamps["plain"] == pytest.approx(stamps["inertial"], abs=1e-6)
    window = f"{tmp_path}/a.npy#{now - 1:.0f}s-{now + 1:.0f}s@a.txt"
    assert open_sources({"inertial": window}, modalities, ByHand())["inertial"].poll(0.95) == []
    with pytest.raises(ValueError, match=r"sound begins at .* after inertial ended at .*: their clocks must"):
        open_sources(words | {"sound": f"{tmp_path}/b.npy@late.txt"}, modalities, ByHand())


class Captures:
    """In place of OpenCV: a camera that is not there, then gives two images and is lost, then gives one and stays."""

    def __init__(self) -> None:
        self.opened: list[Any] = []
        self.released = 0
        self.stop = threading.Event()
        self.given = threading.Semaphore(0)

    def __call__(self, address: Any) -> "Captures":
        self.opened.append(address)
        self.left = {1: 0, 2: 2}.get(len(self.opened), 1)
        return self

    def isOpened(self) -> bool:
        return len(self.opened) != 1

    def read(self) -> tuple[bool, Any]:
        if self.left == 0:
            if len(self.opened) > 2:
                self.stop.wait(5)
            return False, None
        self.left -= 1
        self.given.release()
        return True, np.full((8, 8, 3), (10, 20, 30), np.uint8)

    def release(self) -> None:
        self.released += 1


def test_a_camera_is_opened_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("actionmae.inference.stream_sources.FIRST_WAIT", 0.001)
    captures = Captures()
    with caplog.at_level("WARNING", logger="actionmae"):
        camera = Camera(7, RGB, WallClock(), open_capture=captures)
        for _ in range(3):
            assert captures.given.acquire(timeout=10)
        while not (new := camera.poll(0.0)):
            pass
        captures.stop.set()
        camera.close()
    assert captures.opened[:3] == [7, 7, 7]
    assert new[0][0][0, 0].tolist() == [30, 20, 10], "BGR has become RGB"
    assert "rgb camera 7 cannot be opened: trying again" in caplog.text
    assert "rgb camera 7 has stopped: trying again" in caplog.text
    assert captures.released >= 2


def test_sources_are_told_by_their_words(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Captures())
    np.save(tmp_path / "clip.npy", np.zeros((4, 6), np.float32))
    for word, kind in (("0", Camera), ("rtsp://127.0.0.1/x", Camera)):
        source = open_source(word, RGB, WallClock())
        assert isinstance(source, kind)
        source.close()
    assert isinstance(open_source(f"file://{tmp_path}/clip.npy", INERTIAL, WallClock()), Recording)
    assert isinstance(open_source(f"{tmp_path}/clip.npy@10fps", INERTIAL, WallClock()), Recording)


def test_bad_input_is_one_sentence() -> None:
    depth = ModalitySet(["depth"])[0]
    with pytest.raises(ValueError, match="OpenCV reads colour and gray cameras, depth is depth: push its frames"):
        Camera(0, depth, WallClock())
    nameless = ModalitySpec(name="x", letter="X", kind="features", shape=(2,), value="raw", encoder="features")
    with pytest.raises(ValueError, match="the x recording does not say its frames per second"):
        Recording(ArrayReader(np.zeros((3, 2)), None), nameless)
    for text in ("depth", "depth@5s-2s", "depth@2-5"):
        with pytest.raises(ValueError, match=f"fail is '{text}': write a sensor and from when to when"):
            Outage.parse(text, ["depth"])
    with pytest.raises(ValueError, match=r"fail names 'dept' \(did you mean 'depth'\?\): this run has depth"):
        Outage.parse("dept@1s-2s", ["depth"])
    with pytest.raises(ValueError, match=r"every is 0\.0: give seconds above 0"):
        run(Noting(ByHand()), {}, ByHand(), every=0.0)

"""On the same recording a stream answers as a file does, and nothing that a sensor does stops it."""

import json
import re
import runpy
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from actionmae.cli import main
from actionmae.cli.live_view import show_live
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.inference.predictor import Predictor
from actionmae.inference.stream import StreamPredictor
from actionmae.inference.stream_buffer import SensorBuffer, SensorClock
from actionmae.inference.stream_torch import TorchStreamModel
from actionmae.nn import ClassifierConfig, build_classifier
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import save_model
from actionmae.nn.late_fusion import LateFusion
from helpers.processes import ROOT

CLASSES = ("clap", "sit down", "wave")
SIZE: dict[str, Any] = {"embed_dim": 16, "num_heads": 2, "mlp_dim": 24, "time_depth": 1, "mae_depth": 1}
SOUND = {"name": "sound", "letter": "X", "kind": "features", "shape": [5], "num_frames": 3, "value": "raw", "fps": 20.0}
KINDS: tuple[dict[str, Any], ...] = (
    {"name": "rgb", "shape": [3, 16, 16], "num_frames": 4, "encoder": "grid_cnn", "fps": 30.0},
    {"name": "depth", "shape": [3, 12, 16], "num_frames": 3, "encoder": "grid_cnn", "fps": 15.0},
    {"name": "skeleton", "shape": [2, 25, 3], "num_frames": 5, "fps": 30.0},
    {"name": "inertial", "shape": [6, 8], "num_frames": 4, "fps": 50.0},
    SOUND | {"encoder": "features"},
)
OWN_RANGE: tuple[dict[str, Any], ...] = (
    {"name": "depth", "shape": [1, 12, 16], "num_frames": 3, "encoder": "grid_cnn", "fps": 15.0, "value_range": None},
)
SECONDS = 2.0


def model_of(kinds: tuple[dict[str, Any], ...], **options: Any) -> SavedModel:
    torch.manual_seed(0)
    return build_classifier(ModalitySet(kinds), classes=CLASSES, config=ClassifierConfig(**SIZE, **options)).eval()


def recording(seed: int = 0, seconds: float = SECONDS) -> dict[str, np.ndarray]:
    """Streams of the given length, each with its own fps."""
    rng = np.random.default_rng(seed)
    count = {str(spec["name"]): round(seconds * spec["fps"]) for spec in KINDS}
    skeleton = rng.normal(size=(count["skeleton"], 2, 25, 3)).astype(np.float32)
    skeleton[10:20] = np.nan
    return {
        "rgb": rng.integers(0, 255, (count["rgb"], 40, 50, 3)).astype(np.uint8),
        "depth": rng.integers(0, 4000, (count["depth"], 24, 30)).astype(np.uint16),
        "skeleton": skeleton,
        "inertial": rng.normal(size=(count["inertial"], 6)).astype(np.float32),
        "sound": rng.normal(size=(count["sound"], 5)).astype(np.float32),
    }


def stream_of(model: SavedModel, **options: Any) -> StreamPredictor:
    return StreamPredictor(TorchStreamModel(model), **{"window_seconds": SECONDS, **options})


def push_all(stream: StreamPredictor, clip: dict[str, np.ndarray], *, start: float = 0.0) -> None:
    """Every frame in the middle of its interval, in the order of time, as a file's frames lie in its clip."""
    fps = {spec.name: spec.fps or 0.0 for spec in stream.model.modalities}
    frames = [
        (start + (at + 0.5) / fps[name], name, frame) for name, every in clip.items() for at, frame in enumerate(every)
    ]
    for stamp, name, frame in sorted(frames, key=lambda each: each[0]):
        assert stream.push(name, frame, stamp)


def same(answer: Any, expected: Any) -> None:
    assert answer.state == "ok"
    assert answer.prediction.classes == expected.classes
    assert answer.prediction.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert answer.prediction.available == expected.available


@pytest.mark.parametrize("options", [{"action_mae": True}, {"time_encoder": "motion", "fusion": "sum"}], ids=str)
def test_a_stream_answers_as_a_file_on_every_subset(options: dict[str, Any]) -> None:
    model = model_of(KINDS, **options)
    clip, names = recording(), model.modalities.names
    full, part = stream_of(model), stream_of(model)
    push_all(full, clip, start=100.0)
    silent = dict(part._buffers)
    clips = [{names[slot]: clip[names[slot]] for slot in subset} for subset in all_subsets(len(names))]
    expected = Predictor(model).predict_many(clips, top=3)
    for each, said in zip(clips, expected, strict=True):
        part._buffers = silent | {name: full._buffers[name] for name in each}
        same(part.predict(100.0 + SECONDS, top=3), said)
    assert len({said.probabilities for said in expected}) == len(expected)


def test_a_sensor_of_which_nothing_finite_is_computed_counts_as_missing() -> None:
    model, clip = model_of(KINDS), recording()
    clip = {name: clip[name] for name in ("inertial", "sound")}
    stream = stream_of(model)
    push_all(stream, clip | {"sound": np.resize(np.float32([1e30, -1e30, 1e30]), clip["sound"].shape)})
    answer = stream.predict(SECONDS, top=3)
    same(answer, Predictor(model).predict(top=3, inertial=clip["inertial"]))
    assert answer.prediction is not None
    assert "computes nothing finite" in answer.prediction.broken["sound"]
    assert "computes nothing finite" in str(answer.sensors["sound"].broken)
    alone = stream_of(model)
    push_all(alone, {"sound": np.resize(np.float32([1e30, -1e30, 1e30]), clip["sound"].shape)})
    assert alone.predict(SECONDS).state == "no sensor"


def test_a_stream_answers_as_a_clocked_file(tmp_path: Path) -> None:
    model, clip = model_of(KINDS), recording()
    np.save(tmp_path / "sound.npy", clip["sound"])
    np.save(tmp_path / "inertial.npy", clip["inertial"])
    cells = {
        "sound": f"{tmp_path}/sound.npy@0.025s+20fps",
        "inertial": f"{tmp_path}/inertial.npy@0.01s+50fps",
    }
    stream = stream_of(model)
    push_all(stream, {name: clip[name] for name in cells})
    same(stream.predict(SECONDS, top=3), Predictor(model).predict(top=3, **cells))


def test_late_fusion_and_depth_with_its_own_range_stream() -> None:
    model = LateFusion([model_of((spec,)) for spec in (KINDS[0], OWN_RANGE[0])], temperatures=[0.5, 2.0]).eval()
    clip = {name: recording()[name] for name in ("rgb", "depth")}
    stream = stream_of(model)
    assert [stream.model.keeps_features(name) for name in clip] == [True, False]
    push_all(stream, clip)
    same(stream.predict(SECONDS, top=3), Predictor(model).predict(top=3, **clip))


def test_r2plus1d_encodes_its_window_anew() -> None:
    model = model_of(({"name": "rgb", "shape": [3, 16, 16], "num_frames": 2, "encoder": "r2plus1d_18", "fps": 30.0},))
    stream = stream_of(model, window_seconds=0.2)
    assert not stream.model.keeps_features("rgb")
    clip = {"rgb": recording()["rgb"][:6]}
    push_all(stream, clip)
    same(stream.predict(0.2, top=3), Predictor(model).predict(top=3, **clip))


def test_a_frame_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, clip = model_of(KINDS[:1]), {"rgb": recording()["rgb"]}
    seen: list[int] = []
    network = model.encoders[0].space.network  # type: ignore[union-attr,index]
    network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    stream = stream_of(model)
    seen.clear()
    push_all(stream, clip)
    for now in np.arange(0.5, 2.5, 0.1):
        stream.predict(now)
    assert len(seen) == len(clip["rgb"])


def test_a_sensor_that_is_silent_counts_as_missing_and_comes_back() -> None:
    stream, clip = stream_of(model_of(KINDS), stale_after=0.3), recording(seconds=4.0)
    push_all(stream, {"rgb": clip["rgb"][:60]})
    assert stream.predict(2.25).prediction.available == ("rgb",)
    assert stream.predict(2.25).sensors["depth"].state == "silent"
    for at in range(20, 60):
        stream.push("sound", clip["sound"][at], 1.0 + (at - 20) / 20)
    both = stream.predict(2.25)
    assert both.prediction.available == ("rgb", "sound")
    later = stream.predict(2.7)
    assert later.prediction.available == ("sound",)
    assert (later.sensors["rgb"].state, later.sensors["rgb"].age) == ("stale", pytest.approx(2.7 - 59.5 / 30))
    stream.push("rgb", clip["rgb"][80], 2.8)
    assert stream.predict(2.9).prediction.available == ("rgb", "sound")


def test_without_a_live_sensor_there_is_a_state_and_no_error() -> None:
    stream = stream_of(model_of(KINDS))
    empty = stream.predict(5.0)
    assert (empty.state, empty.prediction) == ("no sensor", None)
    assert empty.to_dict()["sensors"]["rgb"]["state"] == "silent"
    push_all(stream, {"sound": recording()["sound"]})
    assert stream.predict(2.0).state == "ok"
    assert stream.predict(60.0).state == "no sensor"
    assert stream.predict(60.0).sensors["sound"].state == "silent", "what is long past is forgotten"


def test_a_subset_that_the_model_does_not_know_is_a_state() -> None:
    model = model_of(KINDS[3:])
    model.supported_subsets = ((0, 1), (1,))
    stream = stream_of(model)
    push_all(stream, {"inertial": recording()["inertial"]})
    assert (stream.predict(2.0).state, stream.predict(2.0).prediction) == ("unsupported", None)
    push_all(stream, {"sound": recording()["sound"]})
    assert stream.predict(2.0).state == "ok"


def test_parts_of_the_window_without_a_frame_are_masked() -> None:
    model, clip = model_of(KINDS[:1]), recording()["rgb"]
    stream = stream_of(model, stale_after=0.25)
    for at in [*range(15), *range(45, 60)]:
        stream.push("rgb", clip[at], (at + 0.5) / 30)
    answer = stream.predict(SECONDS, top=3).prediction
    whole = stream_of(model, stale_after=0.25)
    push_all(whole, {"rgb": clip})
    # T = 4: the centres are 0.25, 0.75, 1.25 and 1.75 s; the middle two have no frame within 0.5 s = a quarter …
    same(whole.predict(SECONDS, top=3), Predictor(model).predict(top=3, rgb=clip))
    gap = stream_of(model, stale_after=0.25)
    for at in [*range(3), *range(57, 60)]:  # … here they have none
        gap.push("rgb", clip[at], (at + 0.5) / 30)
    assert answer.probabilities != pytest.approx(gap.predict(SECONDS, top=3).prediction.probabilities, abs=1e-6)


def test_order_duplicates_and_late_frames_change_nothing() -> None:
    model, clip = model_of(KINDS[3:]), {name: recording()[name] for name in ("inertial", "sound")}
    straight, shuffled = stream_of(model), stream_of(model)
    push_all(straight, clip)
    fps = {spec.name: spec.fps for spec in model.modalities}
    rng = np.random.default_rng(3)
    for name, frames in clip.items():
        for at in rng.permutation(len(frames)):
            assert shuffled.push(name, frames[at], (at + 0.5) / fps[name])
        assert not shuffled.push(name, frames[0], 0.5 / fps[name])
        assert not shuffled.push(name, frames[1], -30.0)
    one, other = straight.predict(SECONDS), shuffled.predict(SECONDS)
    assert one.prediction == other.prediction
    for state in other.sensors.values():
        assert (state.duplicates, state.late, state.restarts) == (1, 1, 0)
        assert state.out_of_order > 0
    assert other.sensors["inertial"].fps == pytest.approx(50.0)


def test_a_clock_that_starts_anew_is_followed() -> None:
    stream, clip = stream_of(model_of(KINDS[4:])), recording()["sound"]
    push_all(stream, {"sound": clip}, start=1000.0)
    kept = [stream.push("sound", frame, (at + 0.5) / 20) for at, frame in enumerate(clip)]
    assert kept.count(False) == 7
    answer = stream.predict(SECONDS)
    assert (answer.state, answer.sensors["sound"].restarts) == ("ok", 1)


def test_a_drifting_clock_is_followed_and_reported() -> None:
    clock = SensorClock()
    rng = np.random.default_rng(0)
    delays = 0.01 + rng.exponential(0.005, size=20 * 960)
    for at, delay in enumerate(delays):  # 373 ms in 16 minutes, as on a real rig
        time = (at + 0.5) / 20
        stamp = clock.to_caller(5000.0 + time * (1 - 0.373 / 960), time + delay)
    assert clock.drift == pytest.approx(0.373, abs=0.005)
    assert stamp == pytest.approx(time + 0.01, abs=0.005)
    stream, exact, clip = stream_of(model_of(KINDS[4:])), stream_of(model_of(KINDS[4:])), recording()["sound"]
    for at, frame in enumerate(clip):
        stream.push("sound", frame, 7000 + (at + 0.5) / 20, arrived=(at + 0.5) / 20)
    push_all(exact, {"sound": clip})
    assert stream.predict(SECONDS).prediction == exact.predict(SECONDS).prediction


def test_memory_is_bounded() -> None:
    buffer = SensorBuffer(seconds=3.0, capacity=100)
    for at in range(5000):
        assert buffer.accepts(at / 20)
        buffer.add(at / 20, at)
        assert len(buffer) <= 61
    for at in range(500):
        assert buffer.accepts(250 + at / 10000)
        buffer.add(250 + at / 10000, at)
    assert len(buffer) == len(buffer._items) == 100


def test_nobody_in_sight_is_no_error() -> None:
    model = model_of(KINDS[2:3])
    stream = stream_of(model)
    for at in range(60):
        stream.push("skeleton", np.zeros((2, 25, 3)), (at + 0.5) / 30)
    empty = stream.predict(SECONDS)
    assert (empty.state, empty.sensors["skeleton"].state) == ("no sensor", "live")
    clip = np.full((60, 2, 25, 3), np.nan, np.float32)
    clip[58] = recording()["skeleton"][0]
    other = stream_of(model)
    push_all(other, {"skeleton": clip})
    same(other.predict(SECONDS, top=3), Predictor(model).predict(top=3, skeleton=clip))


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    stream = stream_of(model_of(KINDS))
    with pytest.raises(ValueError, match="unknown modality 'lidar'"):
        stream.push("lidar", np.zeros(3), 0.0)
    with pytest.raises(ValueError, match="timestamp is nan: give seconds"):
        stream.push("sound", np.zeros(5), float("nan"))
    with pytest.raises(ValueError, match="arrived is inf: give seconds"):
        stream.push("sound", np.zeros(5), 0.0, arrived=float("inf"))
    with pytest.raises(ValueError, match=r"the sound frame has shape \(1, 4\): sound needs"):
        stream.push("sound", np.zeros(4), 0.0)
    with pytest.raises(ValueError, match="the rgb frame is float64"):
        stream.push("rgb", np.zeros((20, 20, 3)), 0.0)
    with pytest.raises(ValueError, match="top is 0"):
        stream.predict(0.0, top=0)
    for name in ("window_seconds", "stale_after"):
        with pytest.raises(ValueError, match=f"{name} is 0.0: give seconds above 0"):
            stream_of(model_of(KINDS[4:]), **{name: 0.0})
    with pytest.raises(FileNotFoundError, match="is no model folder"):
        StreamPredictor.load(tmp_path, window_seconds=1.0)
    with pytest.raises(ValueError, match="is no export: 8-bit convolutions come with"):
        StreamPredictor.load(tmp_path, window_seconds=1.0, int8=True)


class ByHand:
    """A clock that only moves while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder and a second of recordings, in the working folder."""
    save_model(model_of(KINDS), tmp_path / "runs/mine/model")
    for name, frames in recording(seconds=1.0).items():
        np.save(tmp_path / f"clip_{name}.npy", frames)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_runs(rig: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("actionmae.inference.stream_sources.WallClock", ByHand)
    page = (ROOT / "docs/how_to/stream.md").read_text()
    (command,), (code,) = (re.findall(rf"```{word}\n(.*?)```", page, re.DOTALL) for word in ("bash", "python"))
    verb, *words = command.split()
    assert verb == "actionmae"
    assert main(words) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"time", "state", "classes", "available", "missing", "sensors"} <= set(answers[-1])
    assert answers[-1]["state"] == "ok"
    assert answers[-1]["available"] == ["inertial", "sound"]
    assert {round(each["time"], 1): each.get("available") for each in answers}[0.6] == ["inertial"]
    assert answers[-1]["sensors"]["sound"]["fps"] == pytest.approx(20.0)
    assert answers[-1]["sensors"]["rgb"]["state"] == "silent"
    exec(code, {})
    assert capsys.readouterr().out.strip() in CLASSES


def test_the_example_runs_from_files(
    rig: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["realsense.py", "runs/mine/model", "rgb=clip_rgb.npy", "depth=clip_depth.npy"])
    clock = ByHand()
    monkeypatch.setattr("time.sleep", clock.sleep)
    monkeypatch.setattr("time.monotonic", clock.time)
    runpy.run_path(str(ROOT / "examples/realsense.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 15
    assert all(any(name in line for name in CLASSES) for line in lines)


def test_the_live_view_shows_sensors_and_classes() -> None:
    stream = stream_of(model_of(KINDS[3:]))
    out = StringIO()
    push_all(stream, {"sound": recording()["sound"]})
    show_live([stream.predict(2.0), stream.predict(60.0)], Console(file=out, force_terminal=True, width=90))
    shown = out.getvalue()
    for word in ("inertial", "silent", "live", "20.0", "no sensor gives frames", *CLASSES):
        assert word in shown


def test_bad_words_are_one_sentence(rig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, sentence in (
        ("rgb=nowhere.mp4", "rgb recording nowhere.mp4 does not exist"),
        ("lidar=0", "unknown modality 'lidar'"),
        ("depth=0", "OpenCV reads colour and gray cameras"),
        ("sound=clip_sound.npy --fail rgb@1s-2s", "fail names 'rgb'"),
    ):
        assert main(["stream", "runs/mine/model", *words.split(), "--window", "1"]) == 2
        assert sentence in capsys.readouterr().err

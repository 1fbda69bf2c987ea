"""An exported model streams as a trained one does: frames are encoded once, and what is broken is left out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from actionmae.cli import main
from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.data.reading.readers import ArrayReader
from actionmae.inference.export import export_model
from actionmae.inference.health import learn_ranges
from actionmae.inference.int8 import quantise
from actionmae.inference.onnx_model import OnnxModel, read_export
from actionmae.inference.onnx_predictor import OnnxPredictor
from actionmae.inference.predictor import Predictor
from actionmae.inference.read_stored import StoredSample, read_stored
from actionmae.inference.stream import StreamPredictor
from actionmae.nn import ClassifierConfig, build_classifier
from actionmae.nn.checkpoint import save_model

CLASSES = ("clap", "sit down", "wave")
SIZE: dict[str, Any] = {"embed_dim": 16, "num_heads": 2, "mlp_dim": 24, "time_depth": 1, "mae_depth": 1}
KINDS = ModalitySet([
    {"name": "rgb", "shape": [3, 16, 16], "num_frames": 4, "encoder": "grid_cnn", "fps": 30.0},
    {"name": "inertial", "shape": [6, 8], "num_frames": 4, "fps": 50.0},
])  # fmt: skip
SECONDS = 2.0


def recording(seed: int = 0) -> dict[str, np.ndarray]:
    """A still scene with a camera's noise, a wearer."""
    rng = np.random.default_rng(seed)
    wall = np.random.default_rng(0).integers(60, 200, (24, 30, 3))
    return {
        "rgb": (wall + rng.normal(scale=4, size=(60, 24, 30, 3))).clip(1, 254).astype(np.uint8),
        "inertial": rng.normal(size=(100, 6)).astype(np.float32),
    }


def stored(seed: int) -> StoredSample:
    readers = {name: ArrayReader(array, KINDS[name].fps) for name, array in recording(seed).items()}
    return read_stored("clip", readers, KINDS)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model/, calibrated, and export/."""
    place = tmp_path_factory.mktemp("stream")
    torch.manual_seed(0)
    model = build_classifier(KINDS, classes=CLASSES, config=ClassifierConfig(**SIZE, action_mae=True, fusion_depth=1))
    healthy = learn_ranges(stored(seed) for seed in range(10, 20))
    model.calibration = Calibration(pooled=1.0, temperatures={"R+A": 0.1, "A": 3.0}, healthy=healthy)
    save_model(model, place / "model")
    export_model(place / "model", place / "export")
    return place


def push_all(stream: StreamPredictor, clip: dict[str, np.ndarray]) -> None:
    for name, frames in clip.items():
        fps = stream.model.modalities[name].fps or 1.0
        for at, frame in enumerate(frames):
            assert stream.push(name, frame, (at + 0.5) / fps)


def test_a_stream_answers_as_the_file_and_as_torch_on_every_subset(place: Path) -> None:
    files, torch_files = OnnxPredictor.load(place / "export"), Predictor.load(place / "model")
    for at, subset in enumerate(all_subsets(len(KINDS))):
        clip = {KINDS.names[slot]: recording(at)[KINDS.names[slot]] for slot in subset}
        stream = StreamPredictor.load(place / "export", window_seconds=SECONDS)
        push_all(stream, clip)
        answer = stream.predict(SECONDS, top=3).prediction
        assert answer is not None
        expected = files.predict(top=3, **clip)
        assert answer.classes == expected.classes
        assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
        assert answer.probabilities == pytest.approx(torch_files.predict(top=3, **clip).probabilities, abs=1e-4)


def test_a_frame_goes_through_its_graph_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StreamPredictor.load(place / "export", window_seconds=SECONDS)
    assert [stream.model.keeps_features(name) for name in KINDS.names] == [True, False]
    seen: list[str] = []
    encode, whole = OnnxModel.encode_frames, OnnxModel.encode
    monkeypatch.setattr(OnnxModel, "encode_frames", lambda *given: [seen.append(given[1]), encode(*given)][1])
    monkeypatch.setattr(OnnxModel, "encode", lambda *given: [seen.append(f"all of {given[1]}"), whole(*given)][1])
    push_all(stream, recording())
    for now in (1.0, 1.5, 2.0):
        stream.predict(now)
    assert (seen.count("rgb"), seen.count("all of inertial"), len(seen)) == (60, 3, 63)
    assert "A stream encodes the whole window of inertial at every answer" in (place / "export/README.md").read_text()
    assert read_export(place / "export").parity["mixed, by frames"] < 1e-4


def test_8_bits_serve_a_stream_too(place: Path, tmp_path: Path) -> None:
    frames = [{"frame": stored(seed).clips["rgb"].clip[0]} for seed in range(4)]
    quantise(place / "export/rgb.frame.onnx", tmp_path / "rgb.frame.int8.onnx", frames)
    assert any(each.data_type == 3 for each in onnx.load(tmp_path / "rgb.frame.int8.onnx").graph.initializer)


@pytest.mark.parametrize("kind", ["model", "export"])
def test_a_frozen_sensor_is_left_out_and_comes_back(place: Path, kind: str) -> None:
    stream = StreamPredictor.load(place / kind, window_seconds=SECONDS, health=True, min_confidence=0.9)
    clip = recording()
    push_all(stream, clip)
    sound = stream.predict(SECONDS)
    assert sound.prediction is not None
    assert (sound.prediction.available, sound.prediction.broken) == (KINDS.names, {})
    frozen = StreamPredictor.load(place / kind, window_seconds=SECONDS, health=True, min_confidence=0.9)
    push_all(frozen, clip | {"rgb": clip["rgb"][[0] * 60]})
    answer = frozen.predict(SECONDS)
    assert answer.prediction is not None
    assert answer.prediction.available == ("inertial",)
    assert "least change" in answer.prediction.broken["rgb"]
    assert (answer.sensors["rgb"].state, answer.sensors["rgb"].broken) == ("live", answer.prediction.broken["rgb"])
    assert answer.prediction.sure is False
    plain = StreamPredictor.load(place / kind, window_seconds=SECONDS)
    push_all(plain, {"inertial": clip["inertial"]})
    without = plain.predict(SECONDS).prediction
    assert without is not None
    assert without.probabilities == pytest.approx(answer.prediction.probabilities, abs=1e-5)
    for at, frame in enumerate(clip["rgb"]):
        for name, again in (("rgb", frame), ("inertial", clip["inertial"][at])):
            frozen.push(name, again, SECONDS + (at + 0.5) / 30)
    assert frozen.predict(2 * SECONDS).sensors["rgb"].broken is None
    alone = StreamPredictor.load(place / kind, window_seconds=SECONDS, health=True)
    push_all(alone, {"rgb": clip["rgb"][[0] * 60]})
    assert (alone.predict(SECONDS).state, alone.predict(SECONDS).prediction) == ("no sensor", None)


def test_a_window_that_is_not_full_is_not_judged(place: Path) -> None:
    stream = StreamPredictor.load(place / "model", window_seconds=SECONDS, health=True)
    for at in range(3):
        stream.push("rgb", recording()["rgb"][0], 0.1 * at)
    assert stream.predict(0.3).sensors["rgb"].broken is None


class ByHand:
    """A clock that only moves while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_command_has_both(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(place / "rgb.npy", recording()["rgb"][[0] * 60])
    np.save(place / "inertial.npy", recording()["inertial"])
    monkeypatch.setattr("actionmae.inference.stream_sources.WallClock", ByHand)
    words = ["rgb=rgb.npy@30fps", "inertial=inertial.npy@50fps", "--window", "2", "--every", "0.5"]
    monkeypatch.chdir(place)
    assert main(["stream", "export", *words, "--health", "true", "--min_confidence", "1"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["available"] == ["inertial"]
    assert "least change" in last["broken"]["rgb"]
    assert last["sure"] is False


def test_bad_options_are_one_sentence(place: Path) -> None:
    with pytest.raises(ValueError, match=r"min_confidence is -1.0: give a probability, 0–1"):
        StreamPredictor.load(place / "export", window_seconds=1.0, min_confidence=-1.0)
    model = StreamPredictor.load(place / "model", window_seconds=1.0).model
    assert model.calibration is not None
    model.calibration = replace(model.calibration, healthy={})
    with pytest.raises(ValueError, match="does not know what healthy recordings look like"):
        StreamPredictor(model, window_seconds=1.0, health=True)

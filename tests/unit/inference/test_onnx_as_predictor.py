"""An exported model answers whatever a trained one does: many clips, windows, votes, thresholds, broken sensors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actionmae.cli import main
from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest
from actionmae.data.reading.readers import open_reader
from actionmae.inference import OnnxPredictor, Prediction, Predictor
from actionmae.inference.export import export_model
from actionmae.inference.health import learn_ranges
from actionmae.inference.prediction import Failure
from actionmae.inference.read_stored import read_stored
from actionmae.nn import ClassifierConfig, build_classifier
from actionmae.nn.checkpoint import save_model
from helpers.processes import run_python
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings

NAMES = ("inertial", "sound")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """manifest.csv with its recordings, model/ that is calibrated, and its export."""
    place = tmp_path_factory.mktemp("exported")
    rows = read_manifest(write_recordings(place)).rows
    np.save(place / "broken_inertial.npy", np.zeros((20, 6), np.float32))
    (place / "unreadable_sound.npy").write_bytes(b"nonsense")
    torch.manual_seed(1)
    config = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, mae_depth=1, action_mae=True)
    model = build_classifier(ModalitySet(MODALITIES), classes=CLASSES, config=config)
    readers = [{name: open_reader(cell, model.modalities[name]) for name, cell in row.files.items()} for row in rows]
    healthy = learn_ranges(read_stored("clip", each, model.modalities) for each in readers)
    model.calibration = Calibration(pooled=2.0, temperatures={"A+X": 0.4, "A": 0.7}, healthy=healthy)
    save_model(model, place / "model")
    export_model(place / "model", place / "export")
    return place


def same(ours: Prediction | Failure, theirs: Prediction | Failure) -> None:
    if isinstance(ours, Failure) or isinstance(theirs, Failure):
        assert ours == theirs
        return
    assert ours.classes == theirs.classes
    assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-4)
    assert (ours.available, ours.missing, ours.sure) == (theirs.available, theirs.missing, theirs.sure)
    assert ours.broken == theirs.broken
    for one, other in zip(ours.votes, theirs.votes, strict=True):
        assert (one.modality, one.label) == (other.modality, other.label)
        assert one.probability == pytest.approx(other.probability, abs=1e-4)
        assert one.leave_one_out == pytest.approx(other.leave_one_out, abs=1e-4)


def clips(place: Path) -> list[tuple[str, dict[str, Any]]]:
    """Whole ones; with a sensor that gives nothing; with a file that is none; from which nothing is left."""
    good = read_manifest(place / "manifest.csv").rows
    flat, junk = place / "broken_inertial.npy", place / "unreadable_sound.npy"
    return [
        ("good", dict(good[0].files)),
        ("alone", {"sound": good[1].files["sound"]}),
        ("flat", {"inertial": flat, "sound": good[2].files["sound"]}),
        ("junk", {"inertial": good[3].files["inertial"], "sound": junk}),
        ("nothing", {"sound": junk}),
        ("flat alone", {"inertial": flat}),
    ]


def test_each_clip_with_votes_threshold_and_health_check(place: Path) -> None:
    plain = [each for each in Predictor.load(place / "model", health=True).predict_each(clips(place))]
    confidences = [each.probabilities[0] for each in plain if isinstance(each, Prediction)]
    options: dict[str, Any] = {"min_confidence": (min(confidences) + max(confidences)) / 2, "health": True}
    ours, theirs = OnnxPredictor.load(place / "export", **options), Predictor.load(place / "model", **options)
    found = list(ours.predict_each(clips(place), top=3, why=True, batch_size=2))
    expected = list(theirs.predict_each(clips(place), top=3, why=True, batch_size=2))
    for one, other in zip(found, expected, strict=True):
        same(one, other)
    assert [type(each) for each in found] == [Prediction] * 4 + [Failure] * 2
    flat, junk = found[2], found[3]
    assert isinstance(flat, Prediction)
    assert isinstance(junk, Prediction)
    assert list(flat.broken) == ["inertial"]
    assert list(junk.broken) == ["sound"]
    assert {each.sure for each in expected if isinstance(each, Prediction)} == {True, False}


def test_windows(place: Path) -> None:
    rows = read_manifest(place / "manifest.csv").rows[:3]
    for name in NAMES:
        np.save(place / f"long_{name}.npy", np.concatenate([np.load(row.files[name].path) for row in rows]))
    cells = {name: f"{place}/long_{name}.npy@20fps" for name in NAMES}
    ours, theirs = OnnxPredictor.load(place / "export"), Predictor.load(place / "model")
    found, expected = (each.predict_windows(cells, window=1.0, stride=0.5, batch_size=2) for each in (ours, theirs))
    assert [(window.start, window.end) for window, _ in found] == [(window.start, window.end) for window, _ in expected]
    for (_, one), (_, other) in zip(found, expected, strict=True):
        same(one, other)


def test_all_of_it_without_torch(place: Path) -> None:
    files = {name: str(cell) for name, cell in clips(place)[2][1].items()}
    printed = run_python(
        "import sys\n"
        "for name in ('torch', 'torchvision', 'timm', 'lightning', 'onnx', 'onnxscript'):\n"
        "    sys.modules[name] = None\n"  # importing it raises ImportError
        "import json\n"
        "from actionmae.inference import OnnxPredictor\n"
        f"predictor = OnnxPredictor.load({str(place / 'export')!r}, min_confidence=0.5, health=True)\n"
        f"(said,) = predictor.predict_each([('clip', {files!r})], why=True)\n"
        "print(json.dumps(said.to_dict()))\n"
        f"print(len(predictor.predict_windows({files!r} | {{'sound': {files['sound']!r} + '@20fps'}}, "
        "window=0.5, stride=0.5)))\n"
    )
    said, windows = printed.splitlines()
    assert list(json.loads(said)["broken"]) == ["inertial"]
    assert [vote["modality"] for vote in json.loads(said)["votes"]] == ["sound"]
    assert windows == "2"


def test_without_ranges_there_is_no_health_check(tmp_path: Path, place: Path) -> None:
    with pytest.raises(ValueError, match=r"min_confidence is 7\.0: give a probability"):
        OnnxPredictor.load(place / "export", min_confidence=7.0)
    config = json.loads((place / "export/config.json").read_text())
    config["calibration"] = None
    for graph in (place / "export").glob("*.onnx"):
        (tmp_path / graph.name).write_bytes(graph.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="does not know what healthy recordings look like: run actionmae calibrate"):
        OnnxPredictor.load(tmp_path, health=True)


def test_the_command_answers_from_an_export_without_torch(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"{name}={place / f'clip0_{name}.npy'}" for name in NAMES]
    answers = []
    for model in ("model", "export"):
        assert main(["predict", str(place / model), *words, "--why", "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    ours, theirs = answers
    assert [each["name"] for each in ours["classes"]] == [each["name"] for each in theirs["classes"]]
    probabilities = [[each["probability"] for each in answer["classes"]] for answer in answers]
    assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-4)
    command = ["predict", str(place / "export"), *words]
    run_python(
        f"import sys; from actionmae.cli import main; assert main({command!r}) == 0; assert 'torch' not in sys.modules",
        env={"ACTIONMAE_NO_HOOK": "1"},
    )
    assert main(["predict", str(place / "export"), *words, "--device", "cuda"]) == 2
    assert "is an export, which runs on the CPU: leave device out" in capsys.readouterr().err

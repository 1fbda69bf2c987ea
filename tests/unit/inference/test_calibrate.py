"""A model folder learns its temperatures, keeps all else, and predicts with them."""

import json
import re
from pathlib import Path

import pytest
import torch

from actionmae.cli import main
from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest
from actionmae.inference import Predictor
from actionmae.inference.card import model_card
from actionmae.inference.evaluate import evaluate_model
from actionmae.nn import ClassifierConfig, build_classifier
from actionmae.nn.checkpoint import load_model, read_config, save_model
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    config = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, action_mae=True)
    model = build_classifier(ModalitySet(MODALITIES), classes=CLASSES, config=config)
    return save_model(model, tmp_path / "model", provenance={"seed": 7}, card="# Mine\n")


def test_probabilities_are_divided_by_the_subset_s_temperature(folder: Path, tmp_path: Path) -> None:
    files = read_manifest(write_recordings(tmp_path / "clips")).rows[0].files
    clips = [files, {"sound": files["sound"]}]
    plain = Predictor.load(folder).predict_many(clips, top=3)
    model = load_model(folder)
    model.calibration = Calibration(pooled=1.0, temperatures={"X": 3.0})
    both, sound = Predictor(model).predict_many(clips, top=3)
    assert both == plain[0]
    expected = (torch.tensor(plain[1].probabilities).log() / 3).softmax(dim=0)
    assert sound.probabilities == pytest.approx(expected.tolist(), abs=1e-5)
    assert sound.classes == plain[1].classes


def test_the_verb_stores_them_and_evaluate_reports_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    manifest = write_recordings(tmp_path / "clips")
    before = read_config(folder)
    assert before.calibration is None
    protocol = ["--split", "train", "--min_clips", "20"]
    assert main(["calibrate", str(folder), str(manifest), *protocol]) == 0
    assert capsys.readouterr().out.startswith("A+X: T ")
    assert re.search(r"(\d+) of these \1 clips trained the model: its confidence will be too high; hold", caplog.text)
    after = read_config(folder)
    assert after.calibration is not None
    assert after.calibration["temperatures"].keys() == {"A+X", "A", "X"}
    assert after.provenance["seed"] == 7
    assert after.provenance["calibrated_on"]["split"] == "train"
    assert (folder / "README.md").read_text() == "# Mine\n"
    assert after.sha256["weights"] == before.sha256["weights"]
    calibrated = load_model(folder).calibration
    assert calibrated is not None
    assert calibrated.to_dict() == after.calibration
    evaluate_model(folder, manifest, out=tmp_path / "scores")
    found = json.loads((tmp_path / "scores/calibration.json").read_text())
    assert [(each["subset"], each["n"]) for each in found] == [("A+X", 9), ("A", 9), ("X", 9)]
    assert main(["calibrate", str(folder), str(manifest)]) == 2
    assert "there is no clip in split 'val'" in capsys.readouterr().err


def test_nothing_of_the_user_is_lost(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_recordings(tmp_path / "clips")
    model = load_model(folder)
    save_model(model, folder, card=model_card(model, None, {"date": "2026-01-01"}))
    assert "not calibrated" in (folder / "README.md").read_text()
    mine = [folder / "NOTES.txt", tmp_path / "model.old/mine.txt", tmp_path / "model.tmp/mine.txt"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("dear diary")
    monkeypatch.chdir(folder)
    assert main(["calibrate", ".", str(manifest), "--split", "test"]) == 0
    assert [path.read_text() for path in mine] == ["dear diary"] * 3
    assert load_model(folder).calibration is not None
    assert "not calibrated" not in (folder / "README.md").read_text()
    assert (folder / "README.md").read_text().startswith("# Action classifier")
    assert main(["evaluate", ".", str(manifest)]) == 0
    assert (tmp_path / "evaluation/scores.npz").is_file(), "where it is written for the folder given by name"


def test_people_who_were_held_out_are_no_reason_to_warn(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = write_recordings(tmp_path / "clips")
    assert main(["calibrate", str(folder), str(manifest), "--val_subjects", "2"]) == 0
    assert "trained the model" not in caplog.text
    assert main(["calibrate", str(folder), str(manifest), "--split", "all"]) == 0
    assert "trained the model" in caplog.text


@pytest.mark.parametrize(("held_out", "seen"), [(["2"], False), (["1"], True), ([], True)])
def test_people_who_are_called_held_out_and_were_not_are_told(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, held_out: list[str], seen: bool
) -> None:
    """Also where the model is joined of several trainings, of which one has seen them."""
    manifest, data = write_recordings(tmp_path / "clips"), {"protocol": "split", "val_subjects": held_out}
    good = {"settings": {"data": {"protocol": "split", "val_subjects": ["2"]}}}
    save_model(load_model(folder), folder, provenance={"trainings": [good, {"settings": {"data": data}}]})
    assert main(["calibrate", str(folder), str(manifest), "--val_subjects", "2"]) == 0
    assert ("12 of these 12 clips trained the model" in caplog.text) is seen


def test_what_cannot_be_written_is_refused_before_anything_is_scored(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise ValueError(f"{path} cannot be written")

    monkeypatch.setattr("actionmae.inference.calibrate.require_writable", refuse)
    assert main(["calibrate", str(folder), "nowhere.csv"]) == 2
    assert f"{folder}/config.json cannot be written" in capsys.readouterr().err


def test_a_changed_temperature_is_found(folder: Path) -> None:
    model = load_model(folder)
    model.calibration = Calibration(pooled=1.5)
    save_model(model, folder)
    path = folder / "config.json"
    path.write_text(path.read_text().replace("1.5", "9.5"))
    with pytest.raises(ValueError, match="was edited after it was saved"):
        load_model(folder)


def test_a_model_may_be_saved_without_and_then_has_none(folder: Path) -> None:
    assert json.loads((folder / "config.json").read_text())["calibration"] is None
    assert load_model(folder).calibration is None

"""What the page shows, without a page."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from actionmae.app.stage import all_modalities, chances, load_shown, play, suffixes, uploaded, usable_clips
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest
from actionmae.inference.what_if import Switch, Trace
from actionmae.nn.checkpoint import save_model
from helpers.tiny_models import tiny_classifier
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, a/model of both sensors and b/model of one, and a manifest."""
    top = tmp_path_factory.mktemp("stage")
    specs = [each | {"fps": 10.0} for each in MODALITIES]
    save_model(tiny_classifier(ModalitySet(specs), len(CLASSES), action_mae=True), top / "a/model")
    save_model(tiny_classifier(ModalitySet(specs[:1]), len(CLASSES)), top / "b/model")
    write_recordings(top / "clips")
    return top


def test_two_models_see_one_clip(folder: Path) -> None:
    shown = load_shown([folder / "a/model", folder / "b/model"])
    assert [each.name for each in shown] == ["a", "b"]
    clips = usable_clips(read_manifest(folder / "clips/manifest.csv"), shown)
    row = next(iter(clips.values()))
    assert row.split == "test"
    scene = play(row.files, shown, {"inertial": Switch(state="off")}, title=row.sample)
    assert scene.picture.ndim == 3
    both, alone = scene.traces
    assert isinstance(both, Trace)
    assert both.subset == "X"
    assert alone == "no sensor is left that the model can answer from: switch one on"
    points = chances(both, shown[0].predictor.model.classes)
    assert set(points) == set(shown[0].predictor.model.classes)
    for at, moment in enumerate(both.moments):
        assert sum(curve[at][1] for curve in points.values()) == pytest.approx(100)
        assert {curve[at][0] for curve in points.values()} == {moment.time}


def test_a_broken_upload_is_told_and_the_rest_is_used(folder: Path, tmp_path: Path) -> None:
    shown = load_shown([folder / "a/model"])
    (tmp_path / "bad.npy").write_bytes(b"no array")
    np.save(tmp_path / "good.npy", np.zeros((20, 6), dtype=np.float32))
    files = uploaded({"inertial": tmp_path / "good.npy", "sound": tmp_path / "bad.npy"}, all_modalities(shown))
    scene = play(files, shown, {}, title="mine")
    assert list(scene.broken) == ["sound"]
    with pytest.raises(ValueError, match=r"bad\.npy cannot be read"):
        play({"sound": files["sound"]}, shown, {}, title="mine")


def test_what_is_no_recording_is_refused(folder: Path, tmp_path: Path) -> None:
    specs = all_modalities(load_shown([folder / "a/model"]))
    with pytest.raises(ValueError, match=r"x\.exe cannot be taken as sound: give a file that ends in \.npy"):
        uploaded({"sound": tmp_path / "x.exe"}, specs)
    with pytest.raises(ValueError, match="nothing is chosen: choose a clip, or upload at least one of inertial, sound"):
        uploaded({}, specs)
    with pytest.raises(ValueError, match="no model is given"):
        load_shown([])
    assert ".skeleton" not in suffixes(specs["sound"])


def test_a_damaged_table_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "a", tmp_path / "a")
    (tmp_path / "a/robustness.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a/robustness\.json: this JSON is no robustness table"):
        load_shown([tmp_path / "a/model"])

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest
from actionmae.deploy.predictor import Predictor
from actionmae.nn.checkpoint import save_model
from actionmae.nn.classifier import build_classifier
from actionmae.training.scoring import ClipScorer
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings

ROW = 1


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module", params=[True, False], ids=["action_mae", "plain"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = build_classifier(
        ModalitySet(MODALITIES), classes=CLASSES, embed_dim=16, num_heads=2, mlp_dim=32, action_mae=request.param
    )
    return save_model(model, tmp_path_factory.mktemp("model") / "model")


def test_a_prediction_is_what_evaluation_counts(folder: Path, manifest: Path) -> None:
    predictor = Predictor.load(folder)
    rows = read_manifest(manifest).rows
    scores = ClipScorer(rows, predictor.model)(predictor.model)
    where = scores.sample_ids.index(rows[ROW].sample)
    for subset, names in (((0, 1), ("inertial", "sound")), ((0,), ("inertial",)), ((1,), ("sound",))):
        prediction = predictor.predict(top=3, **{name: rows[ROW].files[name] for name in names})
        expected = torch.tensor(scores.logits[subset][where]).softmax(dim=0)
        found = {name: value for name, value in zip(prediction.classes, prediction.probabilities, strict=True)}
        assert [found[name] for name in CLASSES] == pytest.approx(expected.tolist(), abs=1e-5)
        assert prediction.available == names
        assert set(prediction.available + prediction.missing) == {"inertial", "sound"}


def test_arrays_and_files_give_the_same(folder: Path, manifest: Path) -> None:
    predictor = Predictor.load(folder)
    files = read_manifest(manifest).rows[ROW].files
    arrays = {name: np.load(path) for name, path in files.items()}
    assert predictor.predict(**arrays) == predictor.predict(**files)
    assert predictor.predict(**{name: str(path) for name, path in files.items()}) == predictor.predict(**files)


def test_many_clips_with_different_sensors_are_as_one_by_one(folder: Path, manifest: Path) -> None:
    predictor = Predictor.load(folder)
    files = read_manifest(manifest).rows[ROW].files
    clips = [files, {"sound": files["sound"]}, {"inertial": files["inertial"]}]
    for together, clip in zip(predictor.predict_many(clips), clips, strict=True):
        alone = predictor.predict(**clip)
        assert together.classes == alone.classes
        assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert predictor.predict_many([]) == []


def test_top_and_json(folder: Path, manifest: Path) -> None:
    files = read_manifest(manifest).rows[ROW].files
    prediction = Predictor.load(folder).predict(top=2, sound=files["sound"])
    assert len(prediction.classes) == 2
    assert prediction.label == prediction.classes[0]
    assert prediction.probabilities[0] >= prediction.probabilities[1]
    read = json.loads(json.dumps(prediction.to_dict()))
    assert read["missing"] == ["inertial"]
    assert read["classes"][0]["name"] == prediction.label


def test_embed_reconstructs_missing_tokens_with_action_mae_only(folder: Path, manifest: Path) -> None:
    predictor = Predictor.load(folder)
    tokens = predictor.embed(sound=read_manifest(manifest).rows[ROW].files["sound"])
    expected = {"inertial", "sound"} if predictor.model.action_mae is not None else {"sound"}
    assert tokens.keys() == expected
    assert all(token.shape == (16,) and np.abs(token).max() > 0 for token in tokens.values())


def test_bad_input_is_refused_in_one_sentence(folder: Path, manifest: Path) -> None:
    predictor = Predictor.load(folder)
    sound = read_manifest(manifest).rows[ROW].files["sound"]
    with pytest.raises(ValueError, match="has no recording: give at least one of inertial, sound"):
        predictor.predict()
    with pytest.raises(ValueError, match=r"unknown modality 'soun' \(did you mean 'sound'\?\)"):
        predictor.predict(soun=sound)
    with pytest.raises(ValueError, match="top is 0: give at least 1"):
        predictor.predict(top=0, sound=sound)
    with pytest.raises(FileNotFoundError, match=r"sound recording nowhere.npy does not exist"):
        predictor.predict(sound="nowhere.npy")
    with pytest.raises(ValueError, match=r"the sound array has shape \(9, 4\): sound needs \(time, 5\)"):
        predictor.predict(sound=np.zeros((9, 4), dtype=np.float32))
    with pytest.raises(ValueError, match=r"device 'nonsense' cannot be used"):
        Predictor.load(folder, device="nonsense")
    with pytest.raises(FileNotFoundError, match="is no model folder"):
        Predictor.load(folder / "nowhere")

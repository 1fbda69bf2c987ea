import inspect
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.video_writer import write_gray_video
from actionmae.data.reading.readers import open_reader
from actionmae.inference.predictor import Predictor
from actionmae.inference.read_clip import open_recordings
from actionmae.inference.scoring import ClipScorer
from actionmae.nn import ClassifierConfig
from actionmae.nn.build import build_classifier
from actionmae.nn.checkpoint import save_model
from helpers.rows import clip_row
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings

ROW = 1


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module", params=[True, False], ids=["action_mae", "plain"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = build_classifier(
        ModalitySet(MODALITIES),
        classes=CLASSES,
        config=ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, action_mae=request.param),
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
    arrays = {name: np.load(cell.path) for name, cell in files.items()}
    assert predictor.predict(**arrays) == predictor.predict(**files)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    assert predictor.predict(**tensors) == predictor.predict(**files)
    assert predictor.predict(**{name: str(path) for name, path in files.items()}) == predictor.predict(**files)


CAMERAS = [
    {"name": name, "shape": [channels, 16, 16], "num_frames": 4, "encoder": "grid_cnn"}
    for name, channels in (("rgb", 3), ("depth", 3), ("ir", 1))
]


@pytest.fixture(scope="module")
def camera_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = build_classifier(
        ModalitySet(CAMERAS), classes=CLASSES, config=ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32)
    )
    return save_model(model, tmp_path_factory.mktemp("cameras") / "model")


@pytest.fixture(scope="module")
def camera_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long infrared video with a log, and a folder in which colour and depth images lie together."""
    folder = tmp_path_factory.mktemp("ümläut folder")
    rng = np.random.default_rng(3)
    write_gray_video(folder / "ir.AVI", rng.integers(0, 255, (90, 24, 32)).astype(np.uint8), 30.0)
    (folder / "ir.txt").write_text("".join(f"{at / 30:.4f}\n" for at in range(90)))
    (folder / "clip").mkdir()
    for at in range(12):
        cv2.imwrite(str(folder / f"clip/{at}_rgb.png"), rng.integers(0, 255, (24, 32, 3)).astype(np.uint8))
        cv2.imwrite(str(folder / f"clip/{at}_depth.png"), rng.integers(500, 4000, (24, 32)).astype(np.uint16))
    return folder


def _frames(cell: Path, name: str) -> np.ndarray:
    stream = open_reader(cell, ModalitySet(CAMERAS)[name])
    return stream.read(range(stream.num_frames))


def test_cells_of_a_manifest_are_predicted_from(camera_model: Path, camera_files: Path) -> None:
    predictor = Predictor.load(camera_model)
    ir = _frames(camera_files / "ir.AVI", "ir")
    rgb, depth = (_frames(camera_files / f"clip/*_{name}.png", name) for name in ("rgb", "depth"))
    whole = predictor.predict(ir=ir)
    part = predictor.predict(ir=str(camera_files / "ir.AVI#80-85,3-12"))
    assert part == predictor.predict(ir=ir[[*range(3, 13), *range(80, 86)]])
    assert part.probabilities != whole.probabilities
    both = {name: str(camera_files / f"clip/*_{name}.png") for name in ("rgb", "depth")}
    assert predictor.predict(**both) == predictor.predict(rgb=rgb, depth=depth)
    chosen = {name: f"{cell}#2-9" for name, cell in both.items()}
    assert predictor.predict(**chosen) == predictor.predict(rgb=rgb[2:10], depth=depth[2:10])


@pytest.mark.parametrize("time", ["", "#1.2s-2s"])
def test_with_unequal_clocks_a_subset_is_predicted_as_it_is_evaluated(
    camera_model: Path, camera_files: Path, time: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Three seconds of infrared beside colour from 1 to 2.2 s: what infrared alone shows does not depend on colour."""
    predictor = Predictor.load(camera_model)
    cells = {"rgb": f"{camera_files}/clip/*_rgb.png{time}@1s+10fps", "ir": f"{camera_files}/ir.AVI{time}@ir.txt"}
    row = clip_row(sample="a", label=CLASSES[0], files=cells)
    scores = ClipScorer([row], predictor.model)(predictor.model)
    for subset, names in (((0, 2), ("rgb", "ir")), ((0,), ("rgb",)), ((2,), ("ir",))):
        caplog.clear()
        prediction = predictor.predict(top=3, **{name: cells[name] for name in names})
        expected = torch.tensor(scores.logits[subset][0]).softmax(dim=0)
        found = dict(zip(prediction.classes, prediction.probabilities, strict=True))
        assert [found[name] for name in CLASSES] == pytest.approx(expected.tolist(), abs=1e-6)
        warned = ["its recordings show different times" in record.message for record in caplog.records]
        assert warned == ([True] if len(names) > 1 and not time else [])
    ir = _frames(camera_files / "ir.AVI", "ir")
    assert predictor.predict(ir=cells["ir"]) == predictor.predict(ir=ir[36:60] if time else ir)


def test_a_window_is_predicted_as_cells_that_name_its_time(camera_model: Path, camera_files: Path) -> None:
    """Colour begins 1 s after infrared, and its frames come unevenly: only the clock says which belong together."""
    predictor = Predictor.load(camera_model)
    uneven = [1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.6, 1.9, 2.2, 2.5, 2.8]
    (camera_files / "uneven.txt").write_text("".join(f"{each}\n" for each in uneven))
    cells = {"rgb": f"{camera_files}/clip/*_rgb.png{{}}@../uneven.txt", "ir": f"{camera_files}/ir.AVI{{}}@ir.txt"}
    whole = {name: cell.format("") for name, cell in cells.items()}
    found = predictor.predict_windows(whole, window=1.5, stride=1.0)
    assert [sorted(window.readers) for window, _ in found] == [["ir", "rgb"]] * 3
    for window, prediction in found[:2]:
        time = f"#{window.start}s-{window.end}s"
        alone = predictor.predict(top=1, **{name: cell.format(time) for name, cell in cells.items()})
        assert prediction.classes == alone.classes
        assert prediction.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
    ((_, only),) = predictor.predict_windows(whole, window=5.0, stride=1.0)
    assert only.probabilities == pytest.approx(predictor.predict(top=1, **whole).probabilities, abs=1e-6)


def test_the_command_line_takes_cells(
    camera_model: Path, camera_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = {"ir": f"{camera_files}/ir.AVI#10-79@ir.txt", "rgb": f"{camera_files}/clip/*_rgb.png#2-9@1s+10fps"}
    expected = Predictor.load(camera_model).predict(**cells)
    words = [f"{name}={cell}" for name, cell in cells.items()]
    assert main(["predict", str(camera_model), *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == expected.to_dict()
    assert main(["predict", str(camera_model), f"ir={camera_files}/ir.AVI#80-99"]) == 2
    assert "asks for more than its 90 frames: choose from 0–89" in capsys.readouterr().err
    assert main(["predict", str(camera_model), f"ir={camera_files}/ir.AVI@0.4"]) == 2
    assert "ir.AVI@0.4 ends with no clock: write @0.4s" in capsys.readouterr().err


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
    with pytest.raises(TypeError, match="clip 0 is NoneType: give a mapping of modalities to recordings"):
        inspect.unwrap(open_recordings)("clip 0", None, predictor.model.modalities, all_exist=True)
    with pytest.raises(FileNotFoundError, match=r"sound recording nowhere.npy does not exist"):
        predictor.predict(sound="nowhere.npy")
    with pytest.raises(ValueError, match=r"the sound array has shape \(9, 4\): sound needs \(time, 5\)"):
        predictor.predict(sound=np.zeros((9, 4), dtype=np.float32))
    with pytest.raises(ValueError, match=r"device is 'nonsense': choose auto, cpu, cuda"):
        Predictor.load(folder, device="nonsense")
    with pytest.raises(FileNotFoundError, match="is no model folder"):
        Predictor.load(folder / "nowhere")


@pytest.mark.parametrize("name", ["self", "top"])
def test_a_modality_may_have_any_name(name: str) -> None:
    spec = {"name": name, "letter": "S", "kind": "features", "shape": [5], "value": "raw", "encoder": "features"}
    predictor = Predictor(
        build_classifier([spec], classes=CLASSES, config=ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32))
    )
    clip = {name: np.ones((9, 5), dtype=np.float32)}
    (prediction,) = predictor.predict_many([clip])
    assert prediction.available == (name,)
    assert set(predictor.embed(**clip)) == {name}
    if name == "self":
        assert predictor.predict(**clip) == prediction

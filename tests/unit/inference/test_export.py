"""An export says what the model says, without torch."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.inference.export import check_export_place, export_model
from actionmae.inference.onnx_model import ExportConfig, OnnxModel, read_export
from actionmae.inference.onnx_predictor import OnnxPredictor
from actionmae.inference.predictor import Predictor
from actionmae.nn import ClassifierConfig, build_classifier
from actionmae.nn.checkpoint import load_model, save_model
from actionmae.nn.late_fusion import LateFusion
from helpers.processes import ROOT, run_python

CLASSES = ("clap", "sit down", "wave")
SIZE: dict[str, Any] = {"embed_dim": 16, "num_heads": 2, "mlp_dim": 24, "time_depth": 1, "mae_depth": 1}
DEPTH = {"name": "depth", "shape": [3, 12, 16], "num_frames": 3, "encoder": "grid_cnn"}
SOUND = {"name": "sound", "letter": "X", "kind": "features", "shape": [5], "num_frames": 3, "value": "raw"}
SOUND |= {"encoder": "features"}
KINDS = (
    DEPTH | {"value_range": None},
    {"name": "ir", "shape": [1, 16, 16], "num_frames": 4, "encoder": "grid_cnn"},
    {"name": "skeleton", "shape": [2, 25, 3], "num_frames": 5},
    SOUND,
)
INERTIAL = {"name": "inertial", "shape": [6, 8], "num_frames": 4}
RGB = {"name": "rgb", "shape": [3, 32, 32], "num_frames": 2, "encoder": "test_resnet"}


def recordings(*names: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays; nobody is seen in some frames of the skeleton."""
    rng = np.random.default_rng(seed)
    skeleton = rng.normal(size=(9, 2, 25, 3)).astype(np.float32)
    skeleton[2:4] = np.nan
    skeleton[5, 1] = np.nan
    made = {
        "rgb": rng.integers(0, 255, (7, 40, 50, 3)).astype(np.uint8),
        "depth": rng.integers(0, 4000, (11, 24, 30)).astype(np.uint16),
        "ir": rng.integers(0, 255, (5, 24, 30)).astype(np.uint8),
        "skeleton": skeleton,
        "inertial": rng.normal(size=(40, 6)).astype(np.float32),
        "sound": rng.normal(size=(8, 5)).astype(np.float32),
    }
    return {name: made[name] for name in names}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = ClassifierConfig(**SIZE, action_mae=True, fusion_depth=1)
    model = build_classifier(ModalitySet(KINDS), classes=CLASSES, config=config)
    for module in model.modules():  # fresh BatchNorm would hide whether its statistics are exported
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return save_model(model, tmp_path_factory.mktemp("kinds") / "model")


@pytest.fixture(scope="module")
def exported(folder: Path) -> Path:
    export_model(folder, folder.parent / "export")
    return folder.parent / "export"


def same(ours: Any, theirs: Any) -> None:
    assert ours.classes == theirs.classes
    assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-4)
    assert (ours.available, ours.missing) == (theirs.available, theirs.missing)


def test_every_subset_and_mixed_clips_are_predicted_as_by_torch(folder: Path, exported: Path) -> None:
    names = ModalitySet(KINDS).names
    clips = [
        recordings(*(names[slot] for slot in subset), seed=at) for at, subset in enumerate(all_subsets(len(names)))
    ]
    ours, theirs = OnnxPredictor.load(exported), Predictor.load(folder)
    expected = theirs.predict_many(clips, top=3)
    for one, other in zip(ours.predict_many(clips, top=3), expected, strict=True):
        same(one, other)
    same(ours.predict(top=3, **clips[3]), expected[3])
    assert len({each.probabilities for each in expected}) == len(expected)


def test_tokens_are_those_of_torch(folder: Path, exported: Path) -> None:
    clip = recordings("skeleton", "ir")
    ours, theirs = OnnxPredictor.load(exported).embed(**clip), Predictor.load(folder).embed(**clip)
    assert list(ours) == list(theirs)
    for name, token in theirs.items():
        np.testing.assert_allclose(ours[name], token, atol=1e-4)


def test_parity_of_every_subset_is_written(exported: Path) -> None:
    parity = json.loads((exported / "config.json").read_text())["parity"]
    assert len(parity) == 2**4 + 1
    assert {"D+I+S+X", "S", "mixed", "mixed, by frames"} <= set(parity)
    assert all(0 <= value < 1e-4 for value in parity.values())
    card = (exported / "README.md").read_text()
    assert "| mixed |" in card
    assert "`depth.onnx`" in card


def test_late_fusion_is_exported_over_an_older_export_and_the_page_runs(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not of the older export stays: an export takes long, so that one serves both."""
    older = Path(shutil.copytree(exported, tmp_path / "rig"))
    for path in (older / "notes.txt", tmp_path / "rig.tmp"):
        path.write_text("dear diary")
    torch.manual_seed(1)
    specialists = [
        build_classifier(ModalitySet([spec]), classes=CLASSES, config=ClassifierConfig(**SIZE, fusion="sum", **time))
        for spec, time in ((RGB, {}), (INERTIAL, {"time_encoder": "motion"}))
    ]
    fused = LateFusion(specialists, weights=[0.5, 2.0], temperatures=[1.5, 0.7])
    save_model(fused, tmp_path / "runs/mine/model")
    np.save(tmp_path / "inertial.npy", recordings("inertial")["inertial"])
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/how_to/export.md").read_text()
    (command, _), (code,) = (re.findall(rf"```{word}\n(.*?)```", page, re.DOTALL) for word in ("bash", "python"))
    verb, *words = command.split()
    assert verb == "actionmae"
    assert main(words) == 0
    assert "rig: 5 graphs" in capsys.readouterr().out
    assert max(read_export(Path("rig")).parity.values()) < 1e-4
    assert {path.name for path in older.glob("*.onnx")} == set(read_export(older).graphs.values())
    assert (older / "notes.txt").read_text() == (tmp_path / "rig.tmp").read_text() == "dear diary"
    assert {path.name for path in tmp_path.iterdir()} == {"rig", "rig.tmp", "runs", "inertial.npy"}
    exec(code, {})
    ours, theirs = OnnxPredictor.load("rig"), Predictor.load("runs/mine/model")
    assert capsys.readouterr().out.startswith(theirs.predict(inertial="inertial.npy").label)
    for names in (("rgb", "inertial"), ("rgb",), ("inertial",)):
        same(ours.predict(top=3, **recordings(*names)), theirs.predict(top=3, **recordings(*names)))


def test_without_torch(folder: Path, exported: Path) -> None:
    printed = run_python(
        "import sys\n"
        "for name in ('torch', 'torchvision', 'timm', 'lightning', 'onnx', 'onnxscript'):\n"
        "    sys.modules[name] = None\n"  # importing it raises ImportError
        "import json, numpy as np\n"
        "from actionmae.inference import OnnxPredictor\n"
        "rng = np.random.default_rng(0)\n"
        f"predictor = OnnxPredictor.load({str(exported)!r})\n"
        "clip = {'sound': rng.normal(size=(8, 5)).astype('float32')}\n"
        "print(json.dumps(predictor.predict(top=3, **clip).to_dict()))\n"
        "from actionmae.inference import StreamPredictor\n"
        f"stream = StreamPredictor.load({str(exported)!r}, window_seconds=2.0)\n"
        "for at, frame in enumerate(clip['sound']):\n"
        "    stream.push('sound', frame, (at + 0.5) / 4)\n"
        "print(json.dumps(stream.predict(2.0, top=3).prediction.to_dict()))\n"
    )
    clip = {"sound": np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)}
    expected = Predictor.load(folder).predict(top=3, **clip).to_dict()
    for line in printed.splitlines():
        found = json.loads(line)
        assert [each["name"] for each in found["classes"]] == [each["name"] for each in expected["classes"]]
        for one, other in zip(found["classes"], expected["classes"], strict=True):
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-4)
    assert len(printed.splitlines()) == 2, "from the recording and as a stream"


def test_another_model_s_graphs_are_refused(folder: Path, exported: Path, tmp_path: Path, monkeypatch: Any) -> None:
    model = load_model(folder)
    with torch.no_grad():
        model.fusion.head.weight.mul_(1.5)
    other = save_model(model, tmp_path / "other")

    def reuse(_: Any, unfinished: Path, __: Any) -> ExportConfig:
        for graph in exported.glob("*.onnx"):
            shutil.copy(graph, unfinished)
        return read_export(exported)

    monkeypatch.setattr("actionmae.inference.export._write_graphs", reuse)
    with pytest.raises(ValueError, match=r"differs from PyTorch by .* on .*, allowed is 1e-04"):
        export_model(other, tmp_path / "export")
    assert [each.name for each in tmp_path.iterdir()] == ["other"]


def test_nothing_but_an_export_is_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("dear diary")
    with pytest.raises(ValueError, match="exists and is no export: nothing in it is touched; choose another folder"):
        export_model(folder, tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    for out in (".", str(folder)):
        assert main(["export", "nowhere", "--out", out]) == 2
        assert f"{out} exists and is no export" in capsys.readouterr().err, "before anything is loaded"


def test_the_working_folder_may_be_an_export(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(exported)
    assert check_export_place(Path()) == exported.resolve()


def test_the_clips_for_8_bits_are_looked_for_before_anything_is_exported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(folder), "--out", str(tmp_path / "rig"), "--int8", "nowhere.csv"]) == 2
    assert "manifest nowhere.csv does not exist" in capsys.readouterr().err
    assert not (tmp_path / "rig").exists()


def test_a_changed_graph_is_refused(exported: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(exported, tmp_path / "copy"))
    (copy / "ir.onnx").write_bytes((copy / "skeleton.onnx").read_bytes())
    with pytest.raises(ValueError, match="its SHA-256 differs"):
        OnnxModel(copy)
    (copy / "ir.onnx").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no ir\.onnx: export it again"):
        OnnxModel(copy)
    text = (copy / "config.json").read_text()
    (copy / "config.json").write_text(text.replace('"export_format": 1', '"export_format": 7'))
    with pytest.raises(ValueError, match="has export format 7, this actionmae reads 1"):
        OnnxModel(copy)


def test_bad_input_is_one_sentence(folder: Path, exported: Path) -> None:
    predictor = OnnxPredictor.load(exported)
    with pytest.raises(FileNotFoundError, match="is no exported model: give a folder that `actionmae export` wrote"):
        OnnxPredictor.load(folder)
    with pytest.raises(ValueError, match="has no 8-bit graphs"):
        OnnxPredictor.load(exported, int8=True)
    with pytest.raises(ValueError, match="has no recording: give at least one of depth, ir"):
        predictor.predict()
    with pytest.raises(ValueError, match="unknown modality 'lidar'"):
        predictor.predict(lidar=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="top is 0"):
        predictor.predict(top=0, ir=np.zeros((3, 20, 20), np.uint8))
    assert predictor.predict_many([]) == []

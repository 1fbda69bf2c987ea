"""The examples run, and print what their users are to see."""

import importlib
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.cli import main
from actionmae.core.modality import ModalitySet, registry
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.prepare.video_writer import write_color_video
from actionmae.methods import Draws
from actionmae.methods.config import registry as method_registry
from actionmae.nn.checkpoint import save_model
from helpers.builders import tiny_batch
from helpers.raw_layouts import RAW
from helpers.tiny_models import KINDS, tiny_classifier
from helpers.tiny_recordings import MODALITIES, write_recordings

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> str:
    monkeypatch.setattr("sys.argv", [name, *map(str, words)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_predict_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    save_model(tiny_classifier(ModalitySet(KINDS), action_mae=True), tmp_path / "model")
    rng = np.random.default_rng(0)
    write_color_video(tmp_path / "a.avi", rng.integers(0, 255, (8, 16, 16, 3), dtype=np.uint8), 10.0)
    (tmp_path / "a.npy").write_bytes(b"no array")
    files = f"rgb={tmp_path / 'a.avi'}", f"sound={tmp_path / 'a.npy'}"
    out = run("predict_file.py", monkeypatch, capsys, tmp_path / "model", *files)
    assert len(re.findall(r"^ +\d+\.\d%  \S", out, re.M)) == 3
    assert re.search(r"^rgb alone says \S+; without it the answer loses -?\d+\.\d%$", out, re.M)
    assert "skeleton is missing" in out
    assert re.search(r"sound was not used: .*a\.npy cannot be read", out)


def test_own_modality(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    out = run("own_modality.py", monkeypatch, capsys)
    (label, was) = re.findall(r"^radar alone: (\w+) \d+% \(it was (\w+)\)$", out, re.M)[0]
    assert label == was
    tops = [float(each) for each in re.findall(r"^\| (?:M\+A|M|A) \| \d+ \| ([\d.]+)", out, re.M)]
    assert len(tops) == 3
    assert min(tops) > 50, "three classes: chance is 33 %"


def test_own_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(method_registry, "METHODS", method_registry.METHODS)
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr("sys.path", list(sys.path))
    manifest, coin = write_recordings(tmp_path / "data"), tmp_path / "coin"
    words = ["train", "--method.name", "coin_dropout", "--config", "small", "--data.manifest", str(manifest)]
    words += ["--data.modalities", json.dumps(MODALITIES), "--optim.epochs", "3", "--model.embed_dim", "16"]
    words += ["--model.mlp_dim", "16", "--engine.progress", "false"]
    try:
        assert main(["--import", "own_method", *words, "--method.hide", "0.3", "--run", str(coin)]) == 0
        with pytest.raises(ValueError, match=r"method\.hide is 2\.0: give a probability, 0 to 1"):
            method_registry.method_config({"name": "coin_dropout", "hide": 2.0})
    finally:
        method_registry.METHODS.pop("coin_dropout", None)
    assert main([*words, "--method.name", "action_mae", "--run", str(tmp_path / "mae")]) == 0
    capsys.readouterr()
    assert main(["report", f"coin={coin}", f"mae={tmp_path}/mae", "--out", str(tmp_path / "report.html")]) == 0
    assert "coin" in (tmp_path / "report.md").read_text()


def test_own_method_hides_each_sensor_by_a_toss_and_leaves_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    own_method = importlib.import_module("own_method")
    method_registry.METHODS.pop("coin_dropout", None)
    model = tiny_classifier(ModalitySet(KINDS), action_mae=False)
    method = own_method.CoinDropout(model=model, config=own_method.CoinDropoutConfig(hide=0.3))
    batch = tiny_batch(model.modalities, 200, num_classes=len(model.classes))
    visible = method.step(batch, Draws.from_seed(0)).output.visible
    assert visible.any(dim=1).all()
    assert not (visible & ~batch.available).any()
    full = batch.available.all(dim=1)
    assert 0.6 < visible[full].float().mean() < 0.85


def test_own_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for clip in ("anna_wave_01", "anna_fall_01", "ben_wave_01"):
        np.save(tmp_path / f"{clip}_imu.npy", rng.normal(size=(40, 6)).astype(np.float32))
    write_color_video(tmp_path / "anna_wave_01_rgb.avi", rng.integers(0, 255, (8, 16, 16, 3), dtype=np.uint8), 10.0)
    out = run("own_dataset.py", monkeypatch, capsys, tmp_path)
    assert "3 clips of fall, wave, 2 of them for training" in out
    assert re.search(r"^rgb: \(2, 8, 3, 269, 269\) torch.uint8, 1 clips have it$", out, re.M)
    assert re.search(r"^inertial: \(2, 8, 6, 32\) torch.float32, 2 clips have it$", out, re.M)


def test_six_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    whole = prepare("utd_mhad", RAW["utd_mhad"](tmp_path / "raw"), tmp_path / "prepared").manifest
    out = run("six_sensors.py", monkeypatch, capsys, whole, "--out", tmp_path / "parts")
    manifest = read_manifest(tmp_path / "parts/manifest.csv")
    assert f"{len(read_manifest(whole).rows)} clips of 6 sensors" in out
    parts = ModalitySet(manifest.modalities, known=manifest.specs)
    names = ["trunk", "left_arm", "right_arm", "legs", "acceleration", "turn_rate"]
    assert list(parts.names) == names
    joints, signal = (np.load(tmp_path / f"parts/{name}/{manifest.rows[0].sample}.npy") for name in names[3:5])
    assert joints.shape[1:] == parts["legs"].shape
    assert signal.shape[1] == 3

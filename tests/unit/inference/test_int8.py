"""8-bit convolutions are added to an export, used when asked for, and scored on every subset."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest
from actionmae.inference.int8 import add_int8
from actionmae.inference.onnx_model import read_export
from actionmae.inference.onnx_predictor import OnnxPredictor
from actionmae.nn import ClassifierConfig, build_classifier
from actionmae.nn.checkpoint import load_model, save_model
from actionmae.report.runs import load_run
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings


def test_int8_is_scored_and_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    config = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=24, time_depth=1, fusion="sum")
    model = build_classifier(ModalitySet(MODALITIES), classes=CLASSES, config=config)
    save_model(model, tmp_path / "model")
    manifest = write_recordings(tmp_path / "recordings", missing=True)
    rig = tmp_path / "rig"
    assert main(["export", str(tmp_path / "model"), "--out", str(rig), "--int8", str(manifest)]) == 0
    written = read_export(rig)
    assert written.int8 == {"inertial": "inertial.int8.onnx"}, "features have no convolution"
    assert list(written.int8_top1) == ["A+X", "A", "X"]
    assert written.int8_top1["X"][0] == written.int8_top1["X"][1]
    weights = [each for each in onnx.load(rig / "inertial.int8.onnx").graph.initializer if each.data_type == 3]
    assert len(weights) >= 3, "int8 weights of three convolutions"
    printed = capsys.readouterr().out
    assert f"  A: {written.int8_top1['A'][1]:.1f} ({written.int8_top1['A'][0]:.1f})" in printed
    assert "| A+X |" in (rig / "README.md").read_text().partition("What 8-bit convolutions cost")[2]
    tables = {kind: load_run(rig / "evaluation" / kind, name=kind).table for kind in ("float", "int8")}
    assert {row.subset: [row.top1, tables["int8"][row.subset].top1] for row in tables["float"].rows} == {
        name: list(each) for name, each in written.int8_top1.items()
    }
    page = (Path(__file__).parents[3] / "docs/how_to/export.md").read_text()
    (_, report) = re.findall(r"```bash\nactionmae (.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert main(report.split()) == 0
    assert "## 8-bit" in (tmp_path / "int8.md").read_text()
    clip = {"inertial": np.load(read_manifest(manifest).rows[1].files["inertial"].path)}
    plain = OnnxPredictor.load(rig).predict(top=3, **clip)
    eight = OnnxPredictor.load(rig, int8=True).predict(top=3, **clip)
    assert dict(zip(plain.classes, plain.probabilities, strict=True)) == pytest.approx(
        dict(zip(eight.classes, eight.probabilities, strict=True)), abs=0.1
    )
    assert plain != eight
    rows = [row for row in read_manifest(manifest).rows if "inertial" not in row.files]
    with pytest.raises(ValueError, match="no encoder with a convolution has a training clip"):
        add_int8(rig, load_model(tmp_path / "model"), rows, rows)

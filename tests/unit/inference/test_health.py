"""The health check finds what is broken, leaves healthy clips alone, and saves answers."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.cli import main
from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.manifest import read_manifest
from actionmae.data.reading.readers import ArrayReader, open_reader
from actionmae.evaluation.faults import FaultRow, faults_csv, faults_text
from actionmae.inference import Predictor
from actionmae.inference.fault_scoring import score_faults
from actionmae.inference.faults import FAULTS, Degraded
from actionmae.inference.health import find_broken, learn_ranges
from actionmae.inference.read_stored import StoredSample, read_stored
from actionmae.nn import ClassifierConfig, MultiModalClassifier, build_classifier
from actionmae.nn.checkpoint import save_model
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings

CAMERAS = ModalitySet([
    {"name": "rgb", "shape": [3, 16, 16], "num_frames": 4, "encoder": "grid_cnn"},
    {"name": "depth", "shape": [3, 16, 16], "num_frames": 4, "encoder": "grid_cnn"},
    {"name": "skeleton", "num_frames": 8},
    {"name": "inertial", "shape": [6, 8], "num_frames": 4},
])  # fmt: skip


def recordings(seed: int) -> dict[str, np.ndarray]:
    """A scene that moves a little, with noise."""
    rng = np.random.default_rng(seed)
    wall = np.random.default_rng(0).integers(60, 200, (24, 24))
    steps = np.cumsum(rng.normal(scale=0.02, size=(20, 2, 25, 3)), axis=0)
    return {
        "rgb": (wall[None, :, :, None] + rng.normal(scale=4, size=(20, 24, 24, 3))).clip(1, 254).astype(np.uint8),
        "depth": (10 * wall[None, :, :, None] + rng.normal(scale=9, size=(20, 24, 24, 1))).astype(np.uint16),
        "skeleton": (np.random.default_rng(1).normal(size=(25, 3)) + steps).astype(np.float32),
        "inertial": rng.normal(size=(80, 6)).astype(np.float32),
    }


def test_healthy_clips_pass_and_gross_faults_are_found() -> None:
    def sample(seed: int, **changed: object) -> object:
        readers = {name: ArrayReader(array, 10.0) for name, array in recordings(seed).items()}
        return read_stored("clip", {**readers, **changed}, CAMERAS)

    healthy = learn_ranges(sample(seed) for seed in range(20))
    for seed in range(20, 40):
        assert find_broken(sample(seed), healthy) == {}
    for fault in FAULTS:
        for spec in CAMERAS:
            levels = fault.levels_for(spec)
            if not levels or fault.name in ("shift", "saturated", "low_fps"):
                continue
            reader = ArrayReader(recordings(50)[spec.name], 10.0)
            broken = fault.apply(Degraded(reader=reader, spec=spec, level=levels[4], key=("test",)))
            found = find_broken(sample(50, **{spec.name: broken}), healthy)
            assert set(found) == {spec.name}, f"{fault.name} of {spec.name}"
            assert "healthy is" in found[spec.name]


def stored_samples(manifest: Path) -> list[StoredSample]:
    """All clips, as a predictor reads them."""
    modalities = ModalitySet(MODALITIES)
    rows = read_manifest(manifest).rows
    readers = [{name: open_reader(cell, modalities[name]) for name, cell in row.files.items()} for row in rows]
    return [read_stored(row.sample, each, modalities) for row, each in zip(rows, readers, strict=True)]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def trained(manifest: Path) -> MultiModalClassifier:
    """The recordings' classes are told apart within a few steps."""
    from actionmae.data.transforms.transform import transform

    torch.manual_seed(0)
    config = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, fusion="sum")
    model = build_classifier(ModalitySet(MODALITIES), classes=CLASSES, config=config)
    clips = ClipDataset(read_manifest(manifest).rows, CLASSES, model.modalities, train=False)
    batch = transform(clips.__getitems__(range(33)), model.modalities)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(30):
        visible = torch.ones(33, 2, dtype=torch.bool)
        if step % 3:
            visible[:, step % 3 - 1] = False
        loss = torch.nn.functional.cross_entropy(model(batch, visible).logits, batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.calibration = Calibration(pooled=1.0, healthy=learn_ranges(stored_samples(manifest)))
    return model.eval()


def test_the_check_saves_what_a_broken_sensor_would_spoil(trained: MultiModalClassifier, manifest: Path) -> None:
    assert trained.calibration is not None
    rows = score_faults(trained, read_manifest(manifest).rows[24:], healthy=trained.calibration.healthy)
    found = {(row.sensor, row.fault, row.severity): row for row in rows}
    clean = found["inertial", "none", 0]
    assert (clean.n, clean.correct, clean.checked, clean.found) == (9, 9, 9, 0)
    assert found["inertial", "missing", 0].correct == 9
    worst = min(rows, key=lambda row: row.correct)
    assert worst.correct <= 6
    assert (worst.checked, worst.found) == (9, 9)
    assert found["inertial", "wrong_units", 5].found == 9
    plain = score_faults(trained, read_manifest(manifest).rows[24:27])
    assert {row.checked for row in plain} == {None}
    assert [row.fault for row in plain][:3] == ["none", "missing", "flat"]
    assert "black" not in {row.fault for row in plain}


def test_subsets_from_which_the_model_does_not_predict_are_left_out(
    trained: MultiModalClassifier, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_manifest(manifest).rows[24:30]
    alone = {"inertial": rows[0].files["inertial"]}
    rows = [dataclasses.replace(rows[0], files=alone), *rows[1:]]
    monkeypatch.setattr(trained, "supported_subsets", ((0, 1), (1,)))
    assert trained.calibration is not None
    found = score_faults(trained, rows, healthy=trained.calibration.healthy)
    assert {row.n for row in found} == {5}, "nothing is predicted from the first clip"
    assert [row.sensor for row in found if row.fault == "missing"] == ["inertial"], "not from inertial alone"
    spoilt = {(row.sensor, row.fault, row.severity): row for row in found}["sound", "wrong_units", 5]
    assert (spoilt.found, spoilt.checked) == (5, 0)
    monkeypatch.setattr(trained, "supported_subsets", ((1,),))
    with pytest.raises(ValueError, match="the model predicts from no clip with all the sensors that were recorded: gi"):
        score_faults(trained, rows)


def test_predict_treats_the_broken_as_missing(trained: MultiModalClassifier, manifest: Path, tmp_path: Path) -> None:
    files = read_manifest(manifest).rows[0].files
    broken = np.load(files["inertial"].path) * 1000
    predictor = Predictor(trained, health=True)
    prediction = predictor.predict(inertial=broken, sound=files["sound"])
    assert prediction.available == ("sound",)
    assert "it looks broken: " in prediction.broken["inertial"]
    assert prediction.label == predictor.predict(sound=files["sound"]).label
    assert Predictor(trained).predict(inertial=broken, sound=files["sound"]).broken == {}
    with pytest.raises(ValueError, match="no recording of clip 0 looks healthy: it looks broken: "):
        predictor.predict(inertial=broken)


def test_the_verb_prints_and_writes_it(
    trained: MultiModalClassifier, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_model(trained, tmp_path / "model")
    assert main(["faults", str(folder), str(manifest), "--health"]) == 0
    assert "inertial: wrong_units" in capsys.readouterr().out
    rows = json.loads((tmp_path / "evaluation/faults.json").read_text())
    assert rows[0]["fault"] == "none"
    assert (tmp_path / "evaluation/faults.csv").read_text().startswith("sensor,fault,severity,level,n,correct,top1,")
    trained.calibration, kept = None, trained.calibration
    save_model(trained, folder)
    trained.calibration = kept
    assert main(["faults", str(folder), str(manifest), "--health"]) == 2
    assert "does not know what healthy recordings look like: run actionmae calibrate" in capsys.readouterr().err


def test_the_table_has_a_line_for_each_fault() -> None:
    rows = [FaultRow(sensor="rgb", fault="none", severity=0, level="", n=4, correct=4)]
    rows += [
        FaultRow(sensor="rgb", fault="blur", severity=at, level="x", n=4, correct=4 - at, checked=3, found=at)
        for at in range(1, 5)
    ]
    text = faults_text(rows)
    assert [line.split() for line in text.splitlines()[2:]] == [
        ["rgb:", "none", "100.0"],
        ["rgb:", "blur", "75.0", "50.0", "25.0", "0.0"],
        ["with", "health", "check", "75.0", "75.0", "75.0", "75.0"],
        ["found", "broken", "25.0", "50.0", "75.0", "100.0"],
    ]
    assert faults_csv(rows).splitlines()[2] == "rgb,blur,1,x,4,3,75.0,75.0,25.0"

"""Each "add a …" section of CONTRIBUTING does what it says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.modality import registry as modalities
from actionmae.inference.predictor import Predictor
from actionmae.methods import method_config
from actionmae.nn import ClassifierConfig, load_model, registry, save_model
from actionmae.nn.architectures import _HOMES, register_architecture
from actionmae.training.config import DataConfig, OptimConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.settings import TrainSettings
from actionmae.training.train import train
from helpers.builders import tiny_batch
from helpers.nearest_mean import NearestMean
from helpers.tiny_models import vectors

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^## ", TEXT.split(f"## {title}\n")[1], flags=re.M)[0]


@pytest.fixture(autouse=True)
def _registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the sections register is forgotten afterwards."""
    for owner, name in ((modalities, "_REGISTRY"), (registry, "_ENCODERS"), (registry, "_FUSIONS")):
        monkeypatch.setattr(owner, name, dict(getattr(owner, name)))
    before = dict(_HOMES)
    yield
    _HOMES.clear()
    _HOMES.update(before)


def run_block(title: str) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", section(title), re.M | re.S)
    exec(code, {"__name__": title})


def recordings(folder: Path) -> Path:
    """18 clips of two classes; a third of them has no radar."""
    rng = np.random.default_rng(0)
    lines = ["sample,label,subject,split,radar,sound"]
    folder.mkdir()
    for at in range(18):
        wave = np.sin(np.arange(60)[:, None] * (0.3 + at % 2) + rng.normal(size=4))
        np.save(folder / f"{at}_radar.npy", wave.astype(np.float32))
        np.save(folder / f"{at}_sound.npy", rng.normal(size=(9, 5)).astype(np.float32))
        radar = f"{at}_radar.npy" if at % 3 else ""
        lines.append(f"clip{at},{'ab'[at % 2]},{at % 4},{'train' if at < 12 else 'test'},{radar},{at}_sound.npy")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def trained(tmp_path: Path, *, method: str = "action_mae", **model: Any) -> Path:
    sound = {"name": "sound", "letter": "X", "kind": "features", "shape": [5], "value": "raw", "encoder": "features"}
    manifest = recordings(tmp_path / "data")
    settings = TrainSettings(
        data=DataConfig(manifest=manifest, modalities=("radar", sound), batch_size=4),
        model=ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=16, time_depth=1, fusion_depth=1, **model),
        method=method_config({"name": method}),
        optim=OptimConfig(epochs=1),
        device="cpu",
        engine=EngineConfig(progress=False, threads=1),
    )
    return train(tmp_path / "run", settings)


def test_add_a_modality(tmp_path: Path) -> None:
    run_block("Add a modality")
    predictor = Predictor.load(trained(tmp_path))
    assert predictor.model.modalities.names == ("radar", "sound")
    assert predictor.predict(radar=np.zeros((60, 4), dtype=np.float32)).missing == ("sound",)


def test_add_an_encoder_and_a_fusion(tmp_path: Path) -> None:
    run_block("Add a modality")
    run_block("Add an encoder or a fusion")
    folder = trained(tmp_path, method="plain", encoders={"radar": "spectrum"}, fusion="mean")
    model = load_model(folder)
    assert type(model.encoders[0].space).__name__ == "Spectrum"
    assert type(model.fusion).__name__ == "MeanFusion"
    assert model.encoders[0].streamable
    batch = tiny_batch(model.modalities, 5)
    with torch.no_grad():
        before = model(batch).logits
        for slot, spec in enumerate(model.modalities):
            batch.clips[spec.name][~batch.available[:, slot]] = torch.nan
        assert torch.equal(model(batch).logits, before)


def test_add_a_kind_of_model(tmp_path: Path) -> None:
    model = NearestMean(vectors(), ("a", "b", "c"))
    with pytest.raises(ValueError, match="unknown architecture 'nearest_mean'"):
        load_model(save_model(model, tmp_path / "early"))
    register_architecture("nearest_mean", "helpers.nearest_mean:NearestMean")
    with pytest.raises(ValueError, match="architecture 'nearest_mean' is already registered: choose another name"):
        register_architecture("nearest_mean", "elsewhere:NearestMean")
    loaded = load_model(save_model(model, tmp_path / "model"))
    batch = tiny_batch(vectors(), 5, num_classes=3)
    with torch.no_grad():
        assert torch.equal(loaded(batch).logits, model(batch).logits)
    sound = np.zeros((3, 5), dtype=np.float32)
    assert Predictor(loaded).predict(sound=sound).label in ("a", "b", "c")


def test_add_a_training_method_points_at_complete_examples() -> None:
    """They are trained, killed and resumed in test_stages; a data set is added in test_layout_file."""
    named = re.findall(r"`(tests/helpers/\w+\.py)`", section("Add a training method"))
    assert len(named) == 2
    for name in named:
        lines = (Path(__file__).parents[2] / name).read_text(encoding="utf-8").splitlines()
        assert len(lines) < 80


def test_modalities_keep_their_order() -> None:
    run_block("Add a modality")
    assert ModalitySet(["radar", "rgb"]).letters == ("M", "R")

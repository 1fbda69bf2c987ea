"""Clips that lack a modality train with every method; how many do is logged and written down."""

import json
import logging
from pathlib import Path
from typing import get_args

import pytest
import torch

from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms import AugmentConfig, transform
from actionmae.methods import MethodConfig, build_method
from actionmae.methods.config import MethodName
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import DataConfig, read_clips, train_loader
from actionmae.training.optim import OptimConfig
from actionmae.training.train import train
from helpers.tiny_recordings import MODALITIES, write_recordings

METHODS = get_args(MethodName)


def tiny(method: str) -> ClassifierConfig:
    sizes = {"embed_dim": 16, "num_heads": 2, "mlp_dim": 32, "time_depth": 1, "mae_depth": 1, "fusion_depth": 1}
    return ClassifierConfig(**sizes, action_mae=method == "action_mae")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    manifest = write_recordings(tmp_path_factory.mktemp("holes"), missing=True)
    return DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=8)


def recorded(data: DataConfig) -> dict[str, float]:
    """Shares of training clips with an empty cell, counted in the CSV itself."""
    head, *lines = data.manifest.read_text(encoding="utf-8").splitlines()
    rows = [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines]
    train_rows = [row for row in rows if row["split"] == "train"]
    return {name: sum(not row[name] for row in train_rows) / len(train_rows) for name in ("inertial", "sound")}


@pytest.mark.parametrize("method", METHODS)
def test_the_missing_rates_are_logged_and_written(
    method: str, data: DataConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rates = recorded(data)
    assert min(rates.values()) > 0.1
    with caplog.at_level(logging.INFO, logger="actionmae"):
        folder = train(
            tmp_path / "run",
            data=data,
            model=tiny(method),
            method=MethodConfig(name=method),
            optim=OptimConfig(epochs=1),
            engine=EngineConfig(accelerator="cpu", progress=False, threads=1),
        )
    for name, rate in rates.items():
        assert f"{name} is missing in {100 * rate:.1f} % of the training clips" in caplog.text
    facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert facts["provenance"]["missing_rates"] == pytest.approx(rates)
    assert (folder.parent / "robustness.json").is_file()


@pytest.mark.parametrize("method", METHODS)
def test_what_stands_in_an_empty_cell_changes_nothing(
    method: str, data: DataConfig, generator: torch.Generator
) -> None:
    clips = read_clips(data)
    network = MultiModalClassifier(modalities=clips.modalities, classes=clips.classes, config=tiny(method))
    trained = build_method(MethodConfig(name=method), network)
    batch = next(iter(train_loader(clips, data, seed=0, epoch=lambda: 0)))
    batch = transform(batch, clips.modalities, augment=AugmentConfig(), generator=generator)
    assert not batch.available.all()

    def gradients(batch: ClipBatch) -> list[torch.Tensor]:
        network.zero_grad()
        losses = trained.step(batch, torch.Generator().manual_seed(1)).losses
        torch.stack(list(losses.values())).sum().backward()
        return [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]

    clean = gradients(batch)
    for slot, name in enumerate(clips.modalities.names):
        batch.clips[name][~batch.available[:, slot]] = 1e6
    for one, other in zip(clean, gradients(batch), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert all(gradient.isfinite().all() for gradient in clean)

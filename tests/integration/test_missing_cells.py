"""Clips that lack a modality train with every method; how many do is logged and written down."""

import csv
import json
import logging
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from actionmae.core.choices import Per
from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms.config import AugmentConfig
from actionmae.data.transforms.transform import transform
from actionmae.methods import Draws, Supervised, method_config
from actionmae.nn.build import build_classifier
from actionmae.nn.config import ClassifierConfig
from actionmae.training.config import DataConfig, OptimConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import read_clips, train_loader
from actionmae.training.settings import TrainSettings
from actionmae.training.train import train
from helpers.builders import mixed_available, tiny_batch
from helpers.methods import method_for
from helpers.tiny_models import tiny_classifier, vectors
from helpers.tiny_recordings import MODALITIES, write_recordings

METHODS = ("plain", "modality_dropout", "action_mae")
FUSIONS = ("sum", "concat", "transformer")
EVERY_METHOD = list(product(METHODS, FUSIONS, (0.0, 0.5)))
"""Method, fusion, weight of the token heads."""


@pytest.fixture(autouse=True)
def _one_thread(_seed: None) -> None:
    torch.set_num_threads(1)


def method_of(name: str, fusion: str, token_weight: float, *, drop_per: Per) -> Supervised:
    """Over three modalities of feature vectors; nothing in it depends on the other clips of a batch."""
    torch.manual_seed(0)
    model = tiny_classifier(vectors(), fusion=fusion, action_mae=name == "action_mae", token_heads=token_weight > 0)
    dropping = {} if name == "plain" else {"drop_per": drop_per}
    return method_for(model.train(), name=name, token_weight=token_weight, **dropping)


def gradients(method: Supervised, loss: Tensor) -> dict[str, Tensor | None]:
    method.zero_grad()
    loss.backward()
    return {name: None if value.grad is None else value.grad.clone() for name, value in method.named_parameters()}


def one_by_one(method: Supervised, batch: ClipBatch, visible: Tensor) -> Tensor:
    """The loss from the paper's words, clip by clip: what a clip lacks is in no tensor."""
    model, config = method.model, method.config
    cls, rec, token = [], [], []
    for row in range(len(batch)):
        have = [slot for slot in range(3) if batch.available[row, slot]]
        clip = ClipBatch(
            clips={model.modalities.names[slot]: batch.clips[model.modalities.names[slot]][row, None] for slot in have},
            available=batch.available[row, None],
            labels=batch.labels[row, None],
            sample_ids=batch.sample_ids[row : row + 1],
        )
        out = model(clip, visible[row, None])
        cls.append(F.cross_entropy(out.logits, clip.labels, label_smoothing=config.label_smoothing))
        gone = [slot for slot in have if not visible[row, slot]]
        if out.reconstructed is not None and gone:
            errors = [(out.reconstructed[0, slot] - out.tokens[0, slot].detach()).square().mean() for slot in gone]
            rec.append(torch.stack(errors).mean())
        for slot in have if config.token_weight else ():
            logits = model.token_heads[slot](out.tokens[:, slot])
            token.append(F.cross_entropy(logits, clip.labels, label_smoothing=config.label_smoothing))
    loss = torch.stack(cls).mean()
    if rec:
        loss = loss + torch.stack(rec).sum() / len(batch)
    return loss + config.token_weight * torch.stack(token).mean() if token else loss


@pytest.mark.parametrize(("name", "fusion", "token_weight"), EVERY_METHOD)
def test_a_batch_with_holes_equals_its_clips_one_by_one(name: str, fusion: str, token_weight: float) -> None:
    method = method_of(name, fusion, token_weight, drop_per="sample")
    batch = tiny_batch(vectors(), 7)
    assert not batch.available.all()
    step = method.step(batch, Draws.from_seed(0))
    if name != "plain":
        assert (batch.available & ~step.output.visible).any()
    loss = torch.stack(list(step.losses.values())).sum()
    naive = one_by_one(method, batch, step.output.visible)
    torch.testing.assert_close(loss, naive)
    wanted = gradients(method, naive)
    for key, value in gradients(method, loss).items():
        expected = wanted[key]
        if value is None or expected is None:  # what no clip reaches has a gradient of 0 in one of the two
            assert all(each is None or each.abs().max() == 0 for each in (value, expected)), key
        else:
            torch.testing.assert_close(value, expected, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.parametrize("named", [True, False], ids=["in clips", "not in clips"])
@pytest.mark.parametrize(("name", "fusion", "token_weight"), EVERY_METHOD)
def test_what_no_clip_has_is_left_alone(name: str, fusion: str, token_weight: float, named: bool) -> None:
    """AdamW neither decays it nor goes on with an earlier batch's momentum: that needs None, not a gradient of 0."""
    method = method_of(name, fusion, token_weight, drop_per="batch")
    optimizer = torch.optim.AdamW(method.parameters(), lr=0.1, weight_decay=0.5)
    lost = mixed_available(6, 3) & torch.tensor([True, False, True])
    lost[~lost.any(dim=1), 0] = True
    hole = tiny_batch(vectors(), 6, available=lost)
    if not named:
        hole.clips.pop("touch")
    own = ("encoders.1.", "token_heads.1.", *(() if name == "action_mae" else ("fusion.heads.1.",)))
    for batch, alone in ((tiny_batch(vectors(), 6, available=torch.ones(6, 3, dtype=torch.bool)), False), (hole, True)):
        before = {key: value.clone() for key, value in method.model.named_parameters()}
        optimizer.zero_grad()
        for seed in range(2):  # two passes accumulated, so that every modality is visible in one of them
            losses = method.step(batch, Draws.from_seed(seed)).losses
            torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        for key, value in method.model.named_parameters():
            if key.startswith(own):
                assert (value.grad is None) == alone, key
                assert torch.equal(value, before[key]) == alone, key
            elif key.startswith("encoders."):
                assert not torch.equal(value, before[key]), key


def tiny(method: str) -> ClassifierConfig:
    sizes: dict[str, Any] = {"embed_dim": 16, "num_heads": 2, "mlp_dim": 32}
    depths: dict[str, Any] = {"time_depth": 1, "mae_depth": 1, "fusion_depth": 1}
    return ClassifierConfig(**sizes, **depths, action_mae=method == "action_mae")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    manifest = write_recordings(tmp_path_factory.mktemp("holes"), missing=True)
    return DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=7)


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
            TrainSettings(
                data=data,
                model=tiny(method),
                method=method_config({"name": method, **({} if method == "plain" else {"drop_per": "sample"})}),
                optim=OptimConfig(epochs=2),
                device="cpu",
                engine=EngineConfig(progress=False, threads=1),
            ),
        )
    for name, rate in rates.items():
        assert f"{name} is missing in {100 * rate:.1f} % of the training clips" in caplog.text
    facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert facts["provenance"]["missing_rates"] == pytest.approx(rates)
    with (folder.parent / "metrics.csv").open(encoding="utf-8") as file:
        epochs = list(csv.DictReader(file))
    assert len(epochs) == 2
    documented = (Path(__file__).parents[2] / "docs/reference/run_folder.md").read_text(encoding="utf-8")
    assert all(f"`{column.split('/')[0]}" in documented for column in epochs[0])
    for name, rate in rates.items():
        for epoch in epochs:  # 24 clips in batches of 7, 7, 7, 3: each clip counts once
            assert float(epoch[f"missing/{name}"]) == pytest.approx(rate)
            assert (float(epoch[f"missing_after_dropping/{name}"]) > rate + 0.01) == (method != "plain")
        dropped = float(epochs[-1][f"missing_after_dropping/{name}"])
        assert f"{name} {100 * rate:.1f} % ({100 * dropped:.1f} %)" in caplog.text
    assert (folder.parent / "robustness.json").is_file()


@pytest.mark.parametrize("method", METHODS)
def test_what_stands_in_an_empty_cell_changes_nothing(
    method: str, data: DataConfig, generator: torch.Generator
) -> None:
    clips = read_clips(data)
    network = build_classifier(clips.modalities, classes=clips.classes, config=tiny(method))
    trained = method_for(network, name=method)
    batch = next(iter(train_loader(clips, data, seed=0, epoch=lambda: 0)))
    batch = transform(batch, clips.modalities, augment=AugmentConfig(), generator=generator)
    assert not batch.available.all()

    def of(batch: ClipBatch) -> dict[str, Tensor | None]:
        losses = trained.step(batch, Draws.from_seed(1)).losses
        return gradients(trained, torch.stack(list(losses.values())).sum())

    clean = of(batch)
    for slot, name in enumerate(clips.modalities.names):
        batch.clips[name][~batch.available[:, slot]] = 1e6
    for key, value in of(batch).items():
        if value is not None:
            assert torch.equal(value, clean[key]), key
            assert value.isfinite().all(), key

"""Precision, divergence, interruption, fine-tuning and what a run writes down."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms.config import AugmentConfig
from actionmae.methods import Draws, PlainConfig, StepOutput, Supervised
from actionmae.methods.config import ActionMAEConfig
from actionmae.nn import build_classifier
from actionmae.nn.config import ClassifierConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import DataConfig
from actionmae.training.optim import OptimConfig
from actionmae.training.settings import TrainSettings
from actionmae.training.train import compile_encoders, train
from helpers.builders import tiny_modalities
from helpers.tiny_recordings import MODALITIES, write_recordings

TINY = ClassifierConfig(
    embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, mae_depth=1, fusion_depth=1, action_mae=True
)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    manifest = write_recordings(tmp_path_factory.mktemp("recordings"), missing=True)
    return DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=8, cache=True, val_subjects=("2",))


def engine(**changes: object) -> EngineConfig:
    return EngineConfig(progress=False, threads=1, **changes)


def test_it_learns(data: DataConfig, tmp_path: Path) -> None:
    optim = OptimConfig(lr=1e-2, epochs=12, schedule="cosine", clip_norm=1.0)
    train(
        tmp_path / "run",
        TrainSettings(data=data, model=TINY, method=ActionMAEConfig(), optim=optim, device="cpu", engine=engine()),
    )
    top1 = {
        row["subset"]: row["top1"] for row in json.loads((tmp_path / "run" / "robustness.json").read_text())["rows"]
    }
    assert min(top1.values()) > 60, "three classes with separate means are learnt from any sensor"


def test_mixup_reaches_the_method(data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor | None] = []
    step = Supervised.step

    def spy(self: Supervised, batch: ClipBatch, draws: Draws, **words: str) -> StepOutput:
        seen.append(batch.soft_labels)
        return step(self, batch, draws, **words)

    monkeypatch.setattr(Supervised, "step", spy)
    for name, mixup in (("off", 0.0), ("on", 1.0)):
        settings = TrainSettings(
            data=replace(data, augment=AugmentConfig(mixup=mixup)),
            model=TINY,
            method=ActionMAEConfig(),
            optim=OptimConfig(lr=1e-2, epochs=2),
            device="cpu",
            engine=engine(),
        )
        train(tmp_path / name, settings)
    off, on = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert all(each is None for each in off)
    assert any(bool((each.max(dim=1).values < 0.95).any()) for each in on if each is not None)
    assert not any(torch.equal(one, two) for one, two in pairwise(on) if one is not None and two is not None)


def test_bf16_and_best_epoch(data: DataConfig, tmp_path: Path) -> None:
    optim = OptimConfig(lr=1e-2, epochs=3)
    model = train(
        tmp_path / "run",
        TrainSettings(
            data=data,
            model=TINY,
            method=ActionMAEConfig(),
            optim=optim,
            device="cpu",
            engine=engine(precision="bf16-mixed"),
            select="val",
        ),
    )
    assert (model / "model.safetensors").is_file()
    assert (tmp_path / "run" / "checkpoints" / "best.pt").is_file()


def test_without_scoring_the_test_clips_stay_unseen(data: DataConfig, tmp_path: Path) -> None:
    model = train(
        tmp_path / "run",
        TrainSettings(
            data=data,
            model=TINY,
            method=ActionMAEConfig(),
            optim=OptimConfig(epochs=1),
            device="cpu",
            engine=engine(save_every=5),
            score=False,
        ),
    )
    assert not (tmp_path / "run" / "scores.npz").exists()
    assert "No test clips were scored" in (model / "README.md").read_text()
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file(), "the last epoch is always kept"


def test_divergence_is_one_sentence(data: DataConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the loss of epoch \d is nan: training diverged; lower optim.lr"):
        train(
            tmp_path / "run",
            TrainSettings(
                data=data,
                model=TINY,
                method=ActionMAEConfig(),
                optim=OptimConfig(lr=1e30, epochs=5),
                device="cpu",
                engine=engine(),
            ),
        )


def test_an_interruption_arrives(data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Supervised, "step", interrupt)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(
                tmp_path / "run",
                TrainSettings(data=data, model=TINY, method=ActionMAEConfig(), device="cpu", engine=engine()),
            )
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning ignores further ones
    assert not (tmp_path / "run" / "model").exists()


def test_a_machine_without_the_device_is_one_sentence(data: DataConfig, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match=r"this machine cannot train like this \(.*\): choose another device"):
        train(
            tmp_path / "run",
            TrainSettings(
                data=data, model=TINY, method=ActionMAEConfig(), device="cuda", engine=EngineConfig(progress=False)
            ),
        )


def test_fine_tuning_from_specialists_is_written_down(data: DataConfig, tmp_path: Path) -> None:
    plain = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, fusion_depth=1)
    specialists = []
    for modality in MODALITIES:
        only = DataConfig(manifest=data.manifest, modalities=(modality,), batch_size=8)
        run = tmp_path / str(modality["name"])
        method = PlainConfig()
        optim = OptimConfig(epochs=1)
        specialists.append(
            train(run, TrainSettings(data=only, model=plain, method=method, optim=optim, device="cpu", engine=engine()))
        )
    model = train(
        tmp_path / "run",
        TrainSettings(
            data=data,
            model=TINY,
            method=ActionMAEConfig(),
            optim=OptimConfig(epochs=1),
            device="cpu",
            engine=engine(),
            init=tuple(specialists),
        ),
    )
    done = json.loads((model / "config.json").read_text())["provenance"]["initialised"]
    assert done["loaded"] == {
        f"{kind} encoder of {name}": str(folder)
        for name, folder in zip(("inertial", "sound"), specialists, strict=True)
        for kind in ("space", "time")
    }
    assert done["new"] == ["ActionMAE", "fusion", "classifier"]


def test_only_frame_encoders_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: compiled.append((self, options)))
    config = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, space_encoder="test_resnet")
    model = build_classifier(tiny_modalities("skeleton", "rgb"), classes=("a", "b"), config=config)
    compile_encoders(model)
    assert compiled == [(model.encoders[1].space.network, {"dynamic": True})]

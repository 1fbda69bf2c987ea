"""Every method for any subset: trained from incomplete clips, interrupted, resumed, loaded, scored, asked."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from safetensors.torch import load_file

from actionmae.inference.predictor import Predictor
from actionmae.methods import method_config
from actionmae.nn import ClassifierConfig, load_model
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import DataConfig
from actionmae.training.optim import OptimConfig
from actionmae.training.settings import TrainSettings
from actionmae.training.train import train
from helpers.tiny_recordings import MODALITIES, write_recordings

NAMES = (
    "cross_prediction",
    "dmcl",
    "graph_distillation",
    "smil",
    "mmin",
    "optimal_fusion",
    "simmlm",
    "self_distillation",
    "missing_tokens",
)
NAMES += ("mmpareto",)
TINY = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, fusion_depth=1, dropout=0.1)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"), missing=True)


def run(manifest: Path, folder: Path, name: str, *, epochs: int = 2, score: bool = False, resume: bool = False) -> Path:
    threads = torch.get_num_threads()
    settings = TrainSettings(
        data=DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=8, cache=True),
        model=replace(TINY, time_encoder="shared_motion") if name == "cross_prediction" else TINY,
        method=method_config({"name": name}),
        optim=OptimConfig(lr=1e-2, epochs=epochs),
        device="cpu",
        engine=EngineConfig(progress=False, threads=1),
        score=score,
    )
    try:
        return train(folder, settings, resume=resume)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NAMES)
def test_a_trained_model_serves_every_subset(manifest: Path, tmp_path: Path, name: str) -> None:
    folder = run(manifest, tmp_path / "run", name, score=True)
    table = (tmp_path / "run" / "robustness.md").read_text()
    assert "of all 3 subsets" in table
    assert load_model(folder).supported_subsets is None
    recordings = {each: manifest.parent / f"clip{at}_{each}.npy" for at, each in ((1, "inertial"), (0, "sound"))}
    predictor = Predictor.load(folder)
    for each, file in recordings.items():
        assert sum(predictor.predict(**{each: file}).probabilities) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["smil", "mmin", "optimal_fusion", "cross_prediction"])
@pytest.mark.parametrize("saves", [1, 3])
def test_an_interrupted_run_ends_with_the_same_weights(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, saves: int
) -> None:
    straight = run(manifest, tmp_path / "straight", name, epochs=4)
    save, left = Trainer.save_checkpoint, iter(range(saves - 1))

    def save_and_stop(*args: object, **options: object) -> None:
        save(*args, **options)
        if next(left, None) is None:
            raise RuntimeError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "save_checkpoint", save_and_stop)
        with pytest.raises(RuntimeError, match="the power is gone"):
            run(manifest, tmp_path / "stopped", name, epochs=4)
    resumed = run(manifest, tmp_path / "stopped", name, epochs=4, resume=True)
    ours, theirs = (load_file(model / "model.safetensors") for model in (resumed, straight))
    assert ours.keys() == theirs.keys()
    assert not [each for each in ours if not torch.equal(ours[each], theirs[each])]

"""Broken recordings in training and scoring, in one process and several: skipped and listed, or one sentence."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.inference.config import ClipsConfig, EvaluationConfig
from actionmae.inference.evaluate import embed_clips, evaluate_model
from actionmae.nn.config import ClassifierConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import DataConfig
from actionmae.training.optim import OptimConfig
from actionmae.training.settings import TrainSettings
from actionmae.training.train import train
from helpers.tiny_recordings import MODALITIES, write_recordings

TINY = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, fusion_depth=1)
FIRST_TEST = 24
LISTED = "broken recordings of the {} clips counted as missing ("


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings(manifest: Path, *, skip_broken: bool, num_devices: int = 1, **data: int) -> TrainSettings:
    return TrainSettings(
        data=DataConfig(manifest=manifest, modalities=MODALITIES, skip_broken=skip_broken, **data),
        model=TINY,
        optim=OptimConfig(lr=1e-2, epochs=2),
        device="cpu",
        num_devices=num_devices,
        engine=EngineConfig(strategy="ddp_fork", progress=False, threads=1),
    )


def spoil(folder: Path, *clips: int, names: tuple[str, ...] = ("inertial", "sound")) -> None:
    for clip in clips:
        for name in names:
            (folder / f"clip{clip}_{name}.npy").write_bytes(b"broken")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a whole model, beside the recordings it was trained on."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder / "run", settings(write_recordings(folder / "recordings"), skip_broken=False))
    return folder


@pytest.fixture
def recordings(trained: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(trained / "recordings", tmp_path / "recordings")


def test_a_broken_test_clip_does_not_cost_the_training(recordings: Path, caplog: pytest.LogCaptureFixture) -> None:
    spoil(recordings, FIRST_TEST)
    manifest, run = recordings / "manifest.csv", recordings.parent / "run"
    with pytest.raises(
        ValueError, match=r"the model is finished \(.*model\), but its test clips cannot be scored: .*clip24"
    ):
        train(run, settings(manifest, skip_broken=False))
    weights = (run / "model" / "model.safetensors").read_bytes()
    assert "No test clips were scored" in (run / "model" / "README.md").read_text()
    train(run, settings(manifest, skip_broken=True), resume=True)
    assert (run / "model" / "model.safetensors").read_bytes() == weights
    assert "mean" in (run / "model" / "README.md").read_text()
    assert LISTED.format("test") in caplog.text
    before = (run / "robustness.json").read_bytes()
    train(run, settings(manifest, skip_broken=True), resume=True)
    assert (run / "robustness.json").read_bytes() == before


@pytest.mark.parametrize("num_devices", [1, 2])
def test_scoring_skips_and_lists(
    trained: Path, recordings: Path, num_devices: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With two processes one has nothing that can be read."""
    manifest, out = recordings / "manifest.csv", recordings.parent / "scores"
    spoil(recordings, *range(FIRST_TEST, 33, 2))
    spoil(recordings, FIRST_TEST + 1, names=("sound",))
    ways = {"device": "cpu", "batch_size": 1, "num_devices": num_devices, "frame_loss": num_devices == 1}
    with pytest.raises(ValueError, match=r"clip2\d_"):
        evaluate_model(trained / "run" / "model", manifest, EvaluationConfig(**ways), out=out)
    table, _ = evaluate_model(trained / "run" / "model", manifest, EvaluationConfig(skip_broken=True, **ways), out=out)
    assert {row.subset: row.n for row in table.rows} == {"A+X": 3, "A": 4, "X": 3}
    assert f"{LISTED.format('scored')}11)" in caplog.text
    assert "clip25 without sound: " in caplog.text
    assert '"clip25",' in (out / "evaluation.json").read_text()
    spoil(recordings, *range(FIRST_TEST, 33))
    with pytest.raises(ValueError, match=r"no clip can be read; the first error was: .*clip24"):
        evaluate_model(trained / "run" / "model", manifest, EvaluationConfig(skip_broken=True, **ways), out=out)


def test_embedding_skips_and_lists(trained: Path, recordings: Path, caplog: pytest.LogCaptureFixture) -> None:
    manifest, out = recordings / "manifest.csv", recordings.parent / "tokens.npz"
    spoil(recordings, 24, 25)
    spoil(recordings, 26, names=("sound",))
    config = ClipsConfig(split="test", device="cpu", batch_size=2, skip_broken=True)
    assert embed_clips(trained / "run" / "model", manifest, config, out=out) == 7
    with np.load(out) as tokens:
        assert "clip24" not in tokens["sample_ids"]
        assert tokens["available"][list(tokens["sample_ids"]).index("clip26")].tolist() == [True, False]
    assert f"{LISTED.format('embedded')}5)" in caplog.text
    spoil(recordings, *range(33))
    with pytest.raises(ValueError, match="no clip can be read; the first error was: "):
        embed_clips(trained / "run" / "model", manifest, config, out=out)


@pytest.mark.parametrize("num_devices", [1, 2])
def test_training_skips_and_lists(recordings: Path, num_devices: int) -> None:
    """Batches of one clip, many of them of nothing: two processes must still make equally many steps."""
    spoil(recordings, 0, 2, 3, 4, 5, 6, 8, 10, 11)
    manifest = recordings / "manifest.csv"
    with pytest.raises(ValueError, match=r"^\S+\.npy cannot be read[^\n]*$"):
        train(recordings.parent / "run", settings(manifest, skip_broken=False, num_devices=num_devices, batch_size=1))
    model = train(
        recordings.parent / "run", settings(manifest, skip_broken=True, num_devices=num_devices, batch_size=1)
    )
    assert (model / "model.safetensors").is_file()
    rows = (model.parent / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in rows[1:]] == [str(24 // num_devices), str(48 // num_devices)]

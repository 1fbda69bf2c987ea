"""A resumed run has the bits of an uninterrupted one; a real kill included."""

import multiprocessing
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from actionmae.methods import MethodConfig
from actionmae.nn.config import ClassifierConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import DataConfig
from actionmae.training.optim import OptimConfig
from actionmae.training.train import train
from helpers.tiny_recordings import MODALITIES, write_recordings


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Runs choose their own number of threads; give the session's back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


TINY = ClassifierConfig(
    embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, mae_depth=1, fusion_depth=1, dropout=0.2, action_mae=True
)


def run_training(manifest: Path, run: Path, *, epochs: int, **options: object) -> Path:
    return train(
        run,
        data=DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=5, cache=True),
        model=TINY,
        method=MethodConfig(),
        optim=OptimConfig(lr=1e-2, epochs=epochs, schedule="linear", step_epochs=3),
        engine=EngineConfig(accelerator="cpu", progress=False, accumulate=2, threads=1),
        **options,
    )


def weights(model: Path) -> dict[str, torch.Tensor]:
    return load_file(model / "model.safetensors")


def assert_equal_weights(one: Path, other: Path) -> None:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_resumed_run_reaches_the_same_bits(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings", missing=True)
    straight = run_training(manifest, tmp_path / "straight", epochs=6)
    half = run_training(manifest, tmp_path / "resumed", epochs=3)
    before = weights(half)
    resumed = run_training(manifest, tmp_path / "resumed", epochs=6, resume=True)
    assert_equal_weights(resumed, straight)
    assert any(not torch.equal(before[name], tensor) for name, tensor in weights(resumed).items())

    def columns(run: str) -> list[str]:
        rows = (tmp_path / run / "metrics.csv").read_text().splitlines()
        return [
            ",".join(value for at, value in enumerate(row.split(",")) if at != 2) for row in rows
        ]  # not the seconds

    assert columns("resumed") == columns("straight")


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    runs = [
        train(
            tmp_path / str(seed),
            data=DataConfig(manifest=manifest, modalities=MODALITIES),
            model=TINY,
            optim=OptimConfig(epochs=1),
            engine=EngineConfig(accelerator="cpu", progress=False, seed=seed, threads=1),
        )
        for seed in (0, 1)
    ]
    one, other = (weights(run) for run in runs)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_resume_after_sigkill_reaches_the_same_bits(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings", missing=True)
    # A forked process has everything imported already; with one thread there is no thread pool to lose.
    run = multiprocessing.get_context("fork").Process(
        target=run_training, args=(manifest, tmp_path / "killed"), kwargs={"epochs": 8}
    )
    run.start()
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and run.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    run.kill()
    run.join()
    assert run.exitcode == -signal.SIGKILL, "the run was over before it could be killed"
    assert not (tmp_path / "killed" / "model").exists()
    killed = run_training(manifest, tmp_path / "killed", epochs=8, resume=True)
    straight = run_training(manifest, tmp_path / "straight", epochs=8)
    assert_equal_weights(killed, straight)


def test_resume_of_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    model = run_training(manifest, tmp_path / "run", epochs=1)
    before = (model / "model.safetensors").stat().st_mtime_ns
    assert run_training(manifest, tmp_path / "run", epochs=1, resume=True) == model
    assert (model / "model.safetensors").stat().st_mtime_ns == before


def test_a_run_in_the_way_is_refused(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    with pytest.raises(ValueError, match=r"is finished: go on with --resume true, start again with --overwrite true"):
        run_training(manifest, tmp_path / "run", epochs=1)
    with pytest.raises(ValueError, match="resume and overwrite were both given"):
        run_training(manifest, tmp_path / "run", epochs=1, resume=True, overwrite=True)
    stranger = tmp_path / "run" / "notes.txt"
    stranger.write_text("mine")
    run_training(manifest, tmp_path / "run", epochs=1, overwrite=True)
    assert stranger.read_text() == "mine"
    manifest.write_text(manifest.read_text().replace("clip1,", "clip0,", 1))
    with pytest.raises(ValueError, match="has sample 'clip0' twice"):
        run_training(manifest, tmp_path / "run", epochs=1, overwrite=True)
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file(), "bad input removes no earlier run"


def test_resume_with_other_settings_is_refused(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    with pytest.raises(ValueError, match=r"was started with optim.lr 0.01, now it is 0.0001: resume with the same"):
        train(
            tmp_path / "run",
            data=DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=5, cache=True),
            model=TINY,
            optim=OptimConfig(epochs=2, schedule="linear", step_epochs=3),
            resume=True,
        )

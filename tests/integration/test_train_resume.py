"""A resumed run has the bits of an uninterrupted one; a real kill included."""

import csv
import multiprocessing
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actionmae.cli import main
from actionmae.data.transforms.config import AugmentConfig
from actionmae.methods import ActionMAEConfig, Supervised
from actionmae.nn.config import ClassifierConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import DataConfig
from actionmae.training.optim import OptimConfig
from actionmae.training.run_folder import RunFolder
from actionmae.training.settings import TrainSettings
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


def run_training(
    manifest: Path, run: Path, *, epochs: int, seed: int = 0, num_workers: int = 0, **options: bool
) -> Path:
    return train(
        run,
        TrainSettings(
            data=_data(manifest, num_workers=num_workers),
            model=TINY,
            method=ActionMAEConfig(),
            optim=OptimConfig(lr=1e-2, epochs=epochs, schedule="linear", step_epochs=3),
            device="cpu",
            engine=EngineConfig(progress=False, accumulate=2, threads=1, seed=seed),
        ),
        **options,
    )


def _data(manifest: Path, num_workers: int = 0) -> DataConfig:
    return DataConfig(
        manifest=manifest,
        modalities=MODALITIES,
        batch_size=5,
        cache=True,
        num_workers=num_workers,
        augment=AugmentConfig(mixup=1.0),
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
            ",".join(value for at, value in enumerate(row.split(",")) if at not in (2, 3)) for row in rows
        ]  # not the seconds

    assert columns("resumed") == columns("straight")


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    runs = [
        train(
            tmp_path / str(seed),
            TrainSettings(
                data=DataConfig(manifest=manifest, modalities=MODALITIES),
                model=TINY,
                method=ActionMAEConfig(),
                optim=OptimConfig(epochs=1),
                device="cpu",
                engine=EngineConfig(progress=False, seed=seed, threads=1),
            ),
        )
        for seed in (0, 1)
    ]
    one, other = (weights(run) for run in runs)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("num_workers", [0, 2, 4])
def test_resume_after_sigkill_reaches_the_same_bits(tmp_path: Path, num_workers: int) -> None:
    manifest = write_recordings(tmp_path / "recordings", missing=True)
    # A forked process has everything imported already; with one thread there is no thread pool to lose.
    run = multiprocessing.get_context("fork").Process(
        target=run_training,
        args=(manifest, tmp_path / "killed"),
        kwargs={"epochs": 8, "num_workers": num_workers},
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
    killed = run_training(manifest, tmp_path / "killed", epochs=8, num_workers=num_workers, resume=True)
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


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


Spoil = Callable[[Path, pytest.MonkeyPatch], None]


def repeat_a_sample(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest.write_text(manifest.read_text().replace("clip1,", "clip0,", 1))


def break_a_recording(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (manifest.parent / "clip23_inertial.npy").write_text("no recording")


def interrupt(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Supervised, "step", step)


@pytest.mark.parametrize("spoil", [repeat_a_sample, break_a_recording, interrupt])
def test_a_run_is_replaced_when_its_successor_has_begun(
    tmp_path: Path, spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until an epoch of the new run is over, the old one stays as it was, to the bit."""
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    before = content(tmp_path / "run")
    spoil(manifest, monkeypatch)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises((ValueError, KeyboardInterrupt)):
        run_training(manifest, tmp_path / "run", epochs=2, overwrite=True)
    signal.signal(signal.SIGINT, handler)  # Lightning ignores further ones
    assert content(tmp_path / "run") == before


def test_a_run_is_not_replaced_by_one_that_this_machine_cannot_train(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    before = content(tmp_path / "run")
    settings = TrainSettings.from_yaml(tmp_path / "run" / "config.yaml")
    with pytest.raises(ValueError, match="this machine cannot train like this"):
        train(
            tmp_path / "run",
            replace(settings, device="cuda"),
            overwrite=True,
        )
    assert content(tmp_path / "run") == before


def test_a_replaced_run_leaves_nothing_behind(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    for epochs in (3, 1):
        run_training(manifest, tmp_path / "run", epochs=epochs, overwrite=True)
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1 + 1
    assert len(list((tmp_path / "run").glob("events.*"))) == 1
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    (point,) = events.Scalars("step/loss")  # log_every is 50: the first of five
    with (tmp_path / "run" / "metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert 0.75 < point.value / float(row["loss"]) < 1.33, "of a whole pass, however many make a step"


def test_of_simultaneous_starts_one_trains(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    context = multiprocessing.get_context("fork")
    starts = [
        context.Process(target=run_training, args=(manifest, tmp_path / "run"), kwargs={"epochs": 2, "seed": seed})
        for seed in range(3)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert sorted(start.exitcode for start in starts) == [0, 1, 1]
    seed = [start.exitcode for start in starts].index(0)
    assert TrainSettings.from_yaml(tmp_path / "run" / "config.yaml").engine.seed == seed
    assert [path.name for path in (tmp_path / "run").iterdir() if path.name.endswith(".tmp")] == []


@pytest.mark.parametrize("options", [{"resume": True}, {"overwrite": True}, {}])
def test_nothing_is_done_beside_a_live_run(tmp_path: Path, options: dict[str, bool]) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    before = content(tmp_path / "run")
    with (
        RunFolder(tmp_path / "run").locked(),
        pytest.raises(ValueError, match=r"another process trains in run .*: wait for it, or choose another --run"),
    ):
        run_training(manifest, tmp_path / "run", epochs=2, **options)
    assert content(tmp_path / "run") == before


def test_resume_with_other_clips_is_refused(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    manifest.write_text("".join(line for line in manifest.open() if not line.startswith("clip5,")))
    with pytest.raises(ValueError, match=r"are not those that run .* was started with .*: restore the manifest"):
        run_training(manifest, tmp_path / "run", epochs=2, resume=True)


def test_an_extended_run_that_was_killed_before_its_model_is_not_finished(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    model = tmp_path / "run" / "model"
    model.rename(tmp_path / "early")
    run_training(manifest, tmp_path / "run", epochs=2, resume=True)
    late = weights(model)
    shutil.rmtree(model)
    (tmp_path / "early").rename(model)
    run_training(manifest, tmp_path / "run", epochs=2, resume=True)
    assert all(torch.equal(tensor, late[name]) for name, tensor in weights(model).items())


def test_resume_with_other_settings_is_refused(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    with pytest.raises(ValueError, match=r"was started with optim.lr 0.01, now it is 0.0001: resume with the same"):
        train(
            tmp_path / "run",
            TrainSettings(
                data=_data(manifest),
                model=TINY,
                method=ActionMAEConfig(),
                optim=OptimConfig(epochs=2, schedule="linear", step_epochs=3),
                engine=EngineConfig(accumulate=2),
            ),
            resume=True,
        )
    for engine, sentence in (
        (EngineConfig(), "engine.accumulate 2, now it is 1"),
        (EngineConfig(accumulate=2, precision="bf16-mixed"), "engine.precision '32-true', now it is 'bf16-mixed'"),
    ):
        settings = TrainSettings.from_yaml(tmp_path / "run" / "config.yaml")
        with pytest.raises(ValueError, match=sentence):
            train(tmp_path / "run", replace(settings, engine=engine), resume=True)


def test_sigterm_leaves_a_run_to_resume(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    words = ["train", "--config", str(tmp_path / "run" / "config.yaml"), "--run", str(tmp_path / "term")]
    start = multiprocessing.get_context("fork").Process(
        target=lambda: sys.exit(main([*words, "--optim.epochs", "5000"])), daemon=True
    )
    start.start()
    checkpoint = tmp_path / "term" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and start.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    start.terminate()
    start.join(60)
    assert start.exitcode == 143
    assert "terminated: the same command with --resume true goes on" in capfd.readouterr().err
    assert not (tmp_path / "term" / "model").exists()
    done = len((tmp_path / "term" / "metrics.csv").read_text().splitlines()) - 1
    assert main([*words, "--optim.epochs", str(done + 1), "--resume"]) == 0
    assert (tmp_path / "term" / "model" / "config.json").is_file()


@pytest.mark.parametrize(
    "spoil", [lambda whole: whole[:-100], lambda whole: whole.replace(b"state_dict", b"state_dist")]
)
def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint.write_bytes(spoil(checkpoint.read_bytes()))
    with pytest.raises(ValueError, match=r"last\.ckpt is damaged \([^\n]*\): restore it, or start again"):
        run_training(manifest, tmp_path / "run", epochs=2, resume=True)


def test_a_checkpoint_without_a_weight_is_not_gone_on_from(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    run_training(manifest, tmp_path / "run", epochs=1)
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = torch.load(checkpoint, weights_only=True)
    lost = next(reversed(content["state_dict"]))
    del content["state_dict"][lost]
    torch.save(content, checkpoint)
    with pytest.raises(ValueError, match=rf"last\.ckpt is damaged \(it lacks the weight {re.escape(lost)}\)"):
        run_training(manifest, tmp_path / "run", epochs=2, resume=True)


@pytest.mark.parametrize(
    "variables", [{"RANK": "1"}, {"LOCAL_RANK": "1"}, {"SLURM_PROCID": "3"}, {"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}]
)
def test_a_rank_that_another_program_left_changes_nothing(
    tmp_path: Path, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 1)  # as Lightning has it from the environment
    manifest = write_recordings(tmp_path / "recordings")
    model = run_training(manifest, tmp_path / "run", epochs=1)
    assert (model / "model.safetensors").is_file()


def test_several_machines_need_a_launcher(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    settings = TrainSettings(data=DataConfig(manifest=manifest), device="cpu", engine=EngineConfig(num_nodes=2))
    with pytest.raises(ValueError, match=r"num_nodes is 2, but neither torchrun nor srun has started 2 processes"):
        train(tmp_path / "run", settings)

"""Two gloo processes: one may lack a modality, and scores do not depend on the number of processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.core.choices import Per
from actionmae.data.manifest import read_manifest, write_manifest
from actionmae.inference.config import EvaluationConfig
from actionmae.inference.evaluate import evaluate_model
from actionmae.inference.scoring import score_model
from actionmae.methods import ActionMAEConfig
from actionmae.nn.config import ClassifierConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import DataConfig
from actionmae.training.optim import OptimConfig
from actionmae.training.settings import TrainSettings
from actionmae.training.train import train
from helpers.rows import clip_row
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings

TINY = ClassifierConfig(
    embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, mae_depth=1, fusion_depth=1, action_mae=True
)


STAGED = """
import sys
from pathlib import Path
from actionmae.methods.config import method_config
from actionmae.nn.config import ClassifierConfig
from actionmae.training.config import DataConfig, OptimConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.settings import TrainSettings
from actionmae.training.train import train

sys.path.insert(0, "tests")
from helpers.tiny_recordings import MODALITIES

here = Path(sys.argv[1])
train(
    here / "run",
    TrainSettings(
        data=DataConfig(manifest=here / "recordings" / "manifest.csv", modalities=MODALITIES, batch_size=8),
        model=ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=16, time_depth=1),
        method=method_config({"name": "graph_distillation"}),
        optim=OptimConfig(epochs=2),
        device="cpu",
        num_devices=2,
        engine=EngineConfig(progress=False, threads=1),
        score=False,
    ),
)
"""


def test_stages_follow_each_other_in_processes_that_run_the_command_again(tmp_path: Path) -> None:
    """The default strategy: Lightning forgets the number of processes when a stage ends."""
    write_recordings(tmp_path / "recordings")
    (tmp_path / "staged.py").write_text(STAGED)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "staged.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "ACTIONMAE_NO_HOOK": "1"},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "checkpoints" / "stage_streams.ckpt").is_file()
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1 + 2
    assert (tmp_path / "run" / "model" / "config.json").is_file()


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_lopsided(folder: Path) -> Path:
    """Two training clips, of which one has sound only: with two processes, one lacks a modality in every step."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    rows = []
    for at in range(6):
        files = {"sound": folder / f"{at}_sound.npy"}
        if at != 0:
            files["inertial"] = folder / f"{at}_inertial.npy"
        np.save(files["sound"], rng.normal(size=(9, 5)).astype(np.float32))
        if "inertial" in files:
            np.save(files["inertial"], rng.normal(size=(20, 6)).astype(np.float32))
        split = "train" if at < 2 else "val" if at < 5 else "test"
        rows.append(clip_row(sample=f"clip{at}", label=CLASSES[at % 3], split=split, files=files))
    write_manifest(folder / "manifest.csv", rows, CLASSES)
    return folder / "manifest.csv"


def test_two_processes_train_when_one_lacks_a_modality(tmp_path: Path) -> None:
    manifest = write_lopsided(tmp_path / "recordings")
    model = train(
        tmp_path / "run",
        TrainSettings(
            data=DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=1),
            model=TINY,
            method=ActionMAEConfig(),
            optim=OptimConfig(lr=1e-2, epochs=3),
            device="cpu",
            num_devices=2,
            engine=EngineConfig(strategy="ddp_fork", progress=False, threads=1),
            select="val",
        ),
    )
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(lines) == 1 + 3
    # 3 validation clips on 2 processes, unpadded: shares of 3, not of 4.
    top1 = float(lines[1].split(",")[lines[0].split(",").index("val/top1/A+X")])
    assert any(top1 == pytest.approx(100 * hits / 3) for hits in range(4))
    assert (model / "model.safetensors").is_file()


def test_scores_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path / "recordings", missing=True)
    model = train(
        tmp_path / "run",
        TrainSettings(
            data=DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=8),
            model=TINY,
            method=ActionMAEConfig(),
            optim=OptimConfig(lr=1e-2, epochs=2),
            device="cpu",
            engine=EngineConfig(progress=False, threads=1),
        ),
    )
    one, _ = evaluate_model(model, manifest, EvaluationConfig(device="cpu", batch_size=4), out=tmp_path / "one")
    two_processes = EvaluationConfig(device="cpu", batch_size=4, num_devices=2, frame_loss=True)
    two, curves = evaluate_model(model, manifest, two_processes, out=tmp_path / "two")
    assert one == two
    assert one.num_clips == 9
    assert [curve.kind for curve in curves] == ["frames", "spans"]
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        "evaluation.json",
        "frame_loss.json",
        "robustness.csv",
        "robustness.json",
        "robustness.md",
        "scores.npz",
    ]


def test_a_killed_process_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_recordings(tmp_path / "recordings")
    rows = read_manifest(manifest).rows
    monkeypatch.setattr("actionmae.inference.scoring._score_shard", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(ChildProcessError, match=r"a process that scored clips was killed \(.*SIGKILL\)"):
        score_model(tmp_path / "model", rows, num_devices=2, device="cpu")


@pytest.mark.parametrize(
    ("lopsided", "drop_per", "skip_broken", "reason"),
    [
        (True, "batch", False, "inertial is missing in some training clips"),
        (False, "sample", False, "method.drop_per is sample"),
        (False, "batch", True, "data.skip_broken is true"),
    ],
)
def test_sync_batchnorm_is_refused_where_a_process_may_lack_a_modality(
    tmp_path: Path, lopsided: bool, drop_per: Per, skip_broken: bool, reason: str
) -> None:
    write = write_lopsided if lopsided else write_recordings
    manifest = write(tmp_path / "recordings")
    with pytest.raises(ValueError, match=f"engine.sync_batchnorm cannot be used: {reason}, so one process may lack a"):
        train(
            tmp_path / "run",
            TrainSettings(
                data=DataConfig(manifest=manifest, modalities=MODALITIES, skip_broken=skip_broken),
                model=TINY,
                method=ActionMAEConfig(drop_per=drop_per),
                num_devices=2,
                engine=EngineConfig(sync_batchnorm=True),
            ),
        )

"""The training loop of a small model (as for UTD-MHAD) against the bare step: what data and engine add."""

import functools
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from actionmae.data.cell import Cell
from actionmae.data.manifest import ClipRow, write_manifest
from actionmae.data.transforms.transform import AugmentConfig, transform
from actionmae.methods import ActionMAEConfig, Draws, Method, build_method
from actionmae.nn import ClassifierConfig
from actionmae.training.fit import trainer_options
from actionmae.training.loaders import DataConfig, TrainingClips, read_clips, train_loader
from actionmae.training.module import TrainingModule
from actionmae.training.optim import OptimConfig, build_optimizer
from actionmae.training.settings import TrainSettings
from benchmarks.result import Result
from benchmarks.setup import Sizes
from benchmarks.timing import interleave

BATCH = 16
OPTIM = OptimConfig(epochs=1)


def run(sizes: Sizes, device: str) -> Result:
    """Time steps alone, then transform, loading and the whole loop."""
    with tempfile.TemporaryDirectory() as folder:
        data = write_clips(Path(folder), sizes)
        return measure(data, sizes, device)


def measure(data: DataConfig, sizes: Sizes, device: str) -> Result:
    """One epoch of each, from recordings that are in memory after the first."""
    clips = read_clips(data)
    loader = train_loader(clips, data, seed=0, epoch=lambda: 0)
    batches = list(loader)  # fills the cache
    draw = torch.Generator()

    def prepare() -> list[Any]:
        return [
            transform(batch.to(device), clips.modalities, augment=data.augment, generator=draw.manual_seed(0))
            for batch in batches
        ]

    method = small_method(clips, device)
    optimizer = build_optimizer(method.parameters(), OPTIM, fused=True)
    ready = prepare()

    def steps() -> None:
        for batch in ready:
            optimizer.zero_grad()
            losses = method.step(batch, Draws.from_seed(0)).losses
            torch.stack(list(losses.values())).sum().backward()
            optimizer.step()

    cases = {"load": lambda: list(loader), "transform": prepare, "steps": steps}
    cases["loop"] = functools.partial(fit, small_method(clips, device), loader, data.augment, device)
    times = interleave(cases, rounds=sizes.rounds, device=device)
    labels = {
        "steps": "forward, losses, backward, AdamW",
        "transform": "device transform",
        "load": "draw frames, collate",
        "loop": "the whole loop (Lightning, logs)",
    }
    per_step = 1e3 / len(batches)
    rows = [
        (text, str(times.of(case, scale=per_step)), str(times.ratio(case, "steps"))) for case, text in labels.items()
    ]
    return Result(
        title="The training loop against the bare step",
        about=(
            f"Depth (grid_cnn, 32²), skeleton and inertial, 16 frames each, embed_dim 128, {BATCH} clips; recordings "
            "in memory, no loader processes, float32."
        ),
        columns=("what", "ms per step", "÷ bare step"),
        rows=rows,
        seconds=times.seconds,
        figures={"steps": len(batches)},
    )


def small_method(clips: TrainingClips, device: str) -> Method:
    """ActionMAE at the size of configs/utd_mhad."""
    torch.manual_seed(0)
    model = ClassifierConfig(embed_dim=128, num_heads=4, mlp_dim=256)
    config = ActionMAEConfig(drop_per="sample")
    return build_method(config, modalities=clips.modalities, classes=clips.classes, model=model).to(device)


def fit(method: Method, loader: Any, augment: AugmentConfig, device: str) -> None:
    """One epoch under Lightning, without what happens between epochs."""
    (stage,) = method.stages(1)
    module = TrainingModule(
        method=method,
        stage=stage,
        first_epoch=0,
        optim=OPTIM,
        augment=augment,
        loader=lambda **_: loader,
        seed=0,
    )
    settings = TrainSettings(data=DataConfig(manifest=Path("unused.csv")), device=device)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings(action="ignore"):
        pl.Trainer(max_epochs=1, **trainer_options(settings)).fit(module)


def write_clips(folder: Path, sizes: Sizes) -> DataConfig:
    """Random recordings of 48 moments each, `sizes.loop_steps` batches of them."""
    rng = np.random.default_rng(0)
    rows = []
    for at in range(sizes.loop_steps * BATCH):
        readers = {
            "depth": rng.integers(500, 3000, (48, 38, 38, 1), dtype=np.uint16),
            "skeleton": rng.normal(size=(48, 1, 20, 3)).astype(np.float32),
            "inertial": rng.normal(size=(80, 6)).astype(np.float32),
        }
        files = {name: folder / f"{at}_{name}.npy" for name in readers}
        for name, reader in readers.items():
            np.save(files[name], reader)
        rows.append(
            ClipRow(
                sample=str(at),
                label=f"class{at % 27}",
                split="train",
                files={name: Cell(path) for name, path in files.items()},
            )
        )
    write_manifest(folder / "manifest.csv", rows, sorted({row.label for row in rows}))
    return DataConfig(
        manifest=folder / "manifest.csv",
        modalities=(
            {"name": "depth", "shape": [3, 32, 32], "value_range": None, "encoder": "grid_cnn"},
            {"name": "skeleton", "shape": [1, 20, 3], "num_frames": 16, "mirror": None},
            {"name": "inertial", "shape": [6, 24]},
        ),
        batch_size=BATCH,
        cache=True,
        augment=AugmentConfig(flip=0.0, frames="segments", joint_rotation=15.0, joint_scale=0.1, signal_noise=0.1),
    )

"""How long cells will take on this machine: a few steps of each kind, timed."""

import csv
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import torch

from actionmae.core.devices import pick_device
from actionmae.core.seeds import torch_generator
from actionmae.data.transforms.transform import transform
from actionmae.experiments.cells import Cell
from actionmae.methods.base import Draws, Stage, build_method
from actionmae.training.loaders import read_clips, train_loader
from actionmae.training.optim import build_optimizer
from actionmae.training.run_folder import RunFolder
from actionmae.training.settings import TrainSettings

Result = TypeVar("Result")

log = logging.getLogger(__name__)

_SLOW = 10.0
"""Seconds after which a call is timed once."""


def remaining_seconds(cells: Sequence[Cell]) -> dict[Cell, float]:
    """Estimates for the cells that are not trained yet; cells that differ in their seed alone are timed once."""
    found: dict[str, float] = {}
    out = {}
    for cell in cells:
        kind = repr(replace(cell.settings, init=(), engine=replace(cell.settings.engine, seed=0)))
        if kind not in found:
            try:
                found[kind] = _seconds(cell.settings)
            except (ValueError, OSError) as error:  # training it will say the same
                log.warning("%s cannot be timed: %s", cell.folder.name, error)
                found[kind] = 0.0
        out[cell] = found[kind] * (1 - _done_fraction(cell))
    return out


def _seconds(settings: TrainSettings) -> float:
    """Of a whole training with the scoring of the test clips."""
    if settings.engine.threads is not None:
        torch.set_num_threads(settings.engine.threads)
    clips = read_clips(settings.data)
    plain = replace(settings.model, pretrained=False, weights={})
    method = build_method(settings.method, modalities=clips.modalities, classes=clips.classes, model=plain)
    device = pick_device(settings.device)
    method.to(device).train()
    optimizer = build_optimizer(method.parameters(), settings.optim, fused=True)
    loader = train_loader(clips, replace(settings.data, num_workers=0, cache=False), seed=0, epoch=lambda: 0)
    batches = iter(loader)
    reading, batch = _timed(lambda: next(batches), repeats=min(2, len(loader)))

    def step(stage: Stage) -> None:
        ready = transform(
            batch.to(device), clips.modalities, augment=settings.data.augment, generator=torch_generator(0, "timing")
        )
        for group in stage.groups:
            losses = method.step(ready, Draws.from_seed(0), stage=stage.name, group=group).losses
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]  # torch's gap
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()

    stages = method.stages(settings.optim.epochs)
    stepping = [_timed(partial(step, stage))[0] for stage in stages]
    epochs = sum(stage.epochs for stage in stages)
    steps = sum(stage.epochs * seconds for stage, seconds in zip(stages, stepping, strict=True))
    passes = 1 if settings.data.cache else epochs / max(settings.data.num_workers, 1)
    tests = len(clips.splits.test) / settings.data.batch_size
    return len(loader) * (steps + passes * reading) + tests * (stepping[-1] / 3 + reading)


def _timed(call: Callable[[], Result], repeats: int = 4) -> tuple[float, Result]:
    """Seconds of a call, and its last result: the median of all but the first, or that one if it is slow or alone."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
        if times[0] > _SLOW:
            break
    return statistics.median(times[1:] or times), result


def _done_fraction(cell: Cell) -> float:
    """Of the epochs of a cell that was begun, 0–1."""
    metrics = RunFolder(cell.folder).metrics
    if cell.done or not metrics.is_file():
        return float(cell.done)
    with metrics.open(newline="", encoding="utf-8") as file:
        return min(sum(1 for _ in csv.DictReader(file)) / cell.settings.optim.epochs, 1.0)

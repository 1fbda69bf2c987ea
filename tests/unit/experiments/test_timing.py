"""Estimates of how long cells take."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actionmae.core.tensors import ClipBatch
from actionmae.experiments import timing
from actionmae.experiments.cells import Cell, Cells
from actionmae.experiments.models import Models
from actionmae.methods.base import StepOutput
from actionmae.methods.mmin import MMIN
from actionmae.training.settings import TrainSettings

LETTERS = {"R": "L", "D": "T", "I": "U"}


@pytest.fixture
def models(manifest: Path, tmp_path: Path) -> Models:
    return Models(Cells(manifest, tmp_path, scale=str(manifest.with_name("tiny.yaml")), letters=LETTERS), 2)


def cells_of(models: Models, *names: str) -> list[Cell]:
    return [cell for name in names for cell in models.cells_of(name)]


def test_cells_that_differ_in_more_than_their_seed_are_timed_apart(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[TrainSettings] = []

    def seconds(settings: TrainSettings) -> float:
        timed.append(settings)
        return float(len(timed))

    monkeypatch.setattr(timing, "_seconds", seconds)
    names = ("action_mae R+D", "action_mae R+D+I", "no_memory R+D")
    cells = cells_of(models, *names)
    left = timing.remaining_seconds(cells)
    assert len(timed) == len(cells) / 2, "a seed was timed again"
    by_name = {name: {left[cell] for cell in cells_of(models, name)} for name in names}
    assert all(len(seconds) == 1 for seconds in by_name.values())
    assert len(set.union(*by_name.values())) == len(names)


def test_every_stage_counts_by_its_epochs(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    stepped: list[str] = []
    step = MMIN.step

    def noted(method: MMIN, *args: Any, stage: str, **rest: Any) -> StepOutput:
        stepped.append(stage)
        return step(method, *args, stage=stage, **rest)

    def timed(call: Callable[[], Any], repeats: int = 4) -> tuple[float, Any]:
        result = call()
        return (0.5, result) if isinstance(result, ClipBatch) else ({"complete": 1.0, "imagine": 10.0}[stepped[-1]], 0)

    monkeypatch.setattr(MMIN, "step", noted)
    monkeypatch.setattr(timing, "_timed", timed)
    cell, _ = cells_of(models, "mmin R+D+I")
    epochs, batches, test_batches = (1, 1), 24 / 12, 18 / 12
    training = batches * (epochs[0] * 1.0 + epochs[1] * 10.0 + 2 * 0.5)
    assert timing.remaining_seconds([cell]) == {cell: pytest.approx(training + test_batches * (10.0 / 3 + 0.5))}


def test_the_first_call_does_not_count_unless_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    for lasts, repeats, expected in (((9, 1, 3, 2), 4, 2), ((11, 1), 2, 11), ((4,), 1, 4)):
        ticks = [0.0, *itertools.accumulate(float(each) for last in lasts for each in (last, 0))]
        clock = iter(ticks)
        monkeypatch.setattr(timing.time, "perf_counter", lambda clock=clock: next(clock))
        assert timing._timed(lambda: "done", repeats) == (expected, "done")

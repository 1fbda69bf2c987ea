from pathlib import Path

import pytest

from actionmae.experiments.cells import Cell, Cells
from actionmae.experiments.costs import parameters, training_cost
from actionmae.experiments.models import Models

LETTERS = {"R": "L", "D": "T", "I": "U"}


@pytest.fixture
def models(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    monkeypatch.setattr(Cell, "done", property(lambda cell: (cell.folder / "metrics.csv").is_file()))
    return Models(Cells(manifest, tmp_path, scale=str(manifest.with_name("tiny.yaml")), letters=LETTERS), 2)


def trained_for(models: Models, model: str, *seconds: float) -> None:
    """As if the seeds' own cells had been trained in two epochs."""
    for seed, time in enumerate(seconds):
        folder = models.cells_of_seed(model, seed)[-1].folder
        folder.mkdir()
        text = f"epoch,seconds,cpu_seconds\n0,99,{time / 4}\n1,99,{3 * time / 4}\n"
        (folder / "metrics.csv").write_text(text, encoding="utf-8")


def test_a_training_is_compared_with_the_specialists_of_its_own_modalities(models: Models) -> None:
    trained_for(models, "transformer R", 10.0, 10.0)
    assert training_cost("action_mae R+D", models) is None
    trained_for(models, "action_mae R+D", 30.0, 50.0)
    assert training_cost("action_mae R+D", models) is None, "the specialist of D is not trained"
    trained_for(models, "transformer D", 20.0, 40.0)
    assert training_cost("transformer R", models) == 1.0
    assert training_cost("action_mae R+D", models) == pytest.approx(40 / 20)
    assert training_cost("late_fusion R+D", models) == pytest.approx(2.0), "the sum of both"
    assert parameters("action_mae R+D", models) is None


def test_what_a_training_starts_from_counts(models: Models) -> None:
    trained_for(models, "transformer R", 10.0, 10.0)
    trained_for(models, "transformer D", 10.0, 10.0)
    trained_for(models, "pretrained_space R+D", 30.0)
    assert training_cost("pretrained_space R+D", models) == pytest.approx(5.0), "30 + 10 + 10, seed 0"


def test_no_cost_is_told_where_a_run_did_not_record_its_time(models: Models) -> None:
    trained_for(models, "transformer R", 10.0)
    trained_for(models, "sum R", 10.0)
    (models.cells_of_seed("sum R", 0)[0].folder / "metrics.csv").write_text("epoch,seconds\n0,9\n", encoding="utf-8")
    assert training_cost("sum R", models) is None

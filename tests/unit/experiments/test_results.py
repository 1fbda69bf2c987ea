from pathlib import Path

import pytest

from actionmae.core.modality import ModalitySet
from actionmae.evaluation import SubsetScores
from actionmae.experiments.cells import Cells, NotRunError
from actionmae.experiments.models import Models
from actionmae.experiments.reproduce import train_cells
from actionmae.experiments.results import table_result
from actionmae.nn import load_model
from helpers.fake_classifier import chosen_scores

LT = ModalitySet(
    [
        {"name": name, "letter": letter, "kind": "features", "shape": [5], "value": "raw", "encoder": "features"}
        for name, letter in (("left", "L"), ("top", "T"))
    ]
)


def scores(hits: int, clips: int = 10) -> SubsetScores:
    """`hits` of ten clips right from the left sensor."""
    return chosen_scores(LT, {(0,): [at < hits for at in range(clips)], (0, 1): [True] * clips})


def test_gains_are_measured_against_the_row_that_the_paper_compares_with(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = Cells(manifest, tmp_path, scale=str(manifest.with_name("tiny.yaml")), letters={"R": "L", "D": "T"})
    models = Models(cells, 2)
    done = {"center_crop": [4, 4], "with_shifted_crop": [5, 7], "with_random_frames": [8, 8], "with_dropout": [3]}

    def scores_of(model: str) -> list[SubsetScores]:
        if model.startswith("with_imagenet"):
            raise NotRunError("it needs ImageNet weights")
        return [scores(hits) for hits in done.get(model.split()[0], [])]

    monkeypatch.setattr(models, "scores", scores_of)
    rows = {(row[0], row[1]): row[2:] for row in table_result("9", models).figures}
    note = "without ImageNet weights"
    assert rows["Center crop, horizontal flip", "R"] == ("34.8", "40.0 ± 0.0", "")
    assert rows["+ Imagenet initialization", "R"] == ("39.5", "not run", "it needs ImageNet weights")
    assert rows["+ Shifted center crop", "R"] == ("40.3", "60.0 ± 14.1", note)
    assert rows["+ Shifted center crop", "gain"] == ("0.8", "n/a", note)
    assert rows["+ Temporal random sampling", "gain"] == ("1.1", "+20.0", note)
    assert rows["+ Color jitter (RGB)", "gain"][1] == ""
    assert rows["* Dropout", "R"] == ("42.5", "30.0", f"{note}; 1 of 2 seeds")


def test_a_gain_that_rests_on_one_clip_is_left_out(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = Cells(manifest, tmp_path, scale=str(manifest.with_name("tiny.yaml")), letters={"R": "L", "D": "T"})
    models = Models(cells, 1)
    monkeypatch.setattr(models, "scores", lambda _: [scores(1, clips=1)])
    rows = {(row[0], row[1]): row[3] for row in table_result("9", models).figures}
    assert rows["+ Temporal random sampling", "R"] == "100.0"
    assert rows["+ Temporal random sampling", "gain"] == "n/a"


def test_a_row_of_a_fixed_pair_keeps_the_modality_that_it_names_first(manifest: Path, tmp_path: Path) -> None:
    letters = {"R": "L", "D": "T"}
    cells = Cells(manifest, tmp_path, scale=str(manifest.with_name("tiny.yaml")), letters=letters)
    models = Models(cells, 1)
    train_cells(models.cells_of("admd D+R"))
    rows = {(row[0], row[1]): row[2:] for row in table_result("6", models).figures}
    assert [rows["ADMD with D kept, D+R", test][2] for test in ("D+R", "D", "R")] == ["", "", ""]
    assert rows["ADMD, R+D", "R"] == ("73.4", "", "not trained yet")
    assert ("ADMD, R+D", "D") not in rows
    (cell,) = models.cells_of("admd D+R")
    kept = load_model(cell.folder / "model")
    assert (kept.kept_spec.name, kept.lost_spec.name) == ("top", "left")
    scores = models.scores("admd D+R")[0]
    shown = rows["ADMD with D kept, D+R", "D"][1]
    assert shown == f"{100 * (scores.logits[(0,)].argmax(axis=1) == scores.labels).mean():.1f}"

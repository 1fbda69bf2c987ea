import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.evaluation import FrameLossCurve, RobustnessTable
from actionmae.evaluation.calibration import reliability
from actionmae.evaluation.faults import FaultRow
from actionmae.report.runs import load_run, report_runs
from helpers.fake_classifier import chosen_scores

OTHERS = ("robustness", "frame_loss", "faults", "calibration", "evaluation")
RD = ModalitySet(["rgb", "depth"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What evaluate writes."""
    scores = chosen_scores(RD, {subset: np.arange(40) % 5 > 0 for subset in all_subsets(2)})
    curve = FrameLossCurve(kind="frames", lost=("rgb",), fractions=(0.0, 0.5), n=40, correct=(32, 20))
    scores.save(tmp_path / "scores.npz")
    table = RobustnessTable.from_scores(scores, {"D": 85.0})
    (tmp_path / "robustness.json").write_text(table.to_json(), encoding="utf-8")
    (tmp_path / "frame_loss.json").write_text(json.dumps([curve.to_dict()]), encoding="utf-8")
    faults = [FaultRow(sensor="rgb", fault="black", severity=1, level="x", n=10, correct=9).to_dict()]
    (tmp_path / "faults.json").write_text(json.dumps(faults), encoding="utf-8")
    found = [each.to_dict() for each in reliability(scores, Calibration(pooled=2.0, temperatures={}))]
    (tmp_path / "calibration.json").write_text(json.dumps(found), encoding="utf-8")
    (tmp_path / "evaluation.json").write_text(json.dumps({"command": "evaluate", "split": "test"}), encoding="utf-8")
    return tmp_path


def test_a_run_comes_back_whole(folder: Path) -> None:
    run = load_run(folder, name="a")
    assert run.table["D"].gap == pytest.approx(-5.0)
    assert run.table == RobustnessTable.from_json((folder / "robustness.json").read_text(encoding="utf-8"))
    assert run.frame_loss[0].top1 == (80.0, 50.0)
    assert run.faults[0].top1 == 90.0
    assert list(run.reliability) == reliability(run.scores, Calibration(pooled=2.0, temperatures={}))
    assert run.provenance == {"command": "evaluate", "split": "test"}


def test_the_report_keeps_the_specialists_gap(folder: Path) -> None:
    out = folder / "report.html"
    assert report_runs([f"a={folder}"], out) == [out, out.with_suffix(".md"), out.with_suffix(".csv")]
    for path in (out, out.with_suffix(".md")):
        text = path.read_text(encoding="utf-8")
        assert "specialist" in text
        assert "−5.0" in text


def test_scores_alone_are_enough(folder: Path) -> None:
    for name in OTHERS:
        (folder / f"{name}.json").unlink()
    run = load_run(folder, name="a")
    assert (run.frame_loss, run.faults, run.reliability, run.provenance) == ([], [], [], {})
    assert run.table["D"].specialist is None


def test_curves_of_older_versions_are_read(folder: Path) -> None:
    path = folder / "frame_loss.json"
    path.write_text(path.read_text(encoding="utf-8").replace("fractions", "shares"), encoding="utf-8")
    assert load_run(folder, name="a").frame_loss[0].fractions == (0.0, 0.5)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("damage", ["", "{", "5", "[[]]", '"text"', "null", "[" * 100_000, '{"rows": [{"n": "x"}]}'])
def test_damaged_files_are_one_sentence(folder: Path, name: str, damage: str) -> None:
    path = folder / f"{name}.json"
    path.write_text(damage, encoding="utf-8")
    if name == "evaluation" and damage.startswith('{"rows'):
        return  # any facts will do
    with pytest.raises(ValueError, match=rf"{name}\.json is damaged.*let `actionmae \w+` write it again"):
        load_run(folder, name="a")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "other"),
        ("fractions", []),
        ("fractions", [0.5, 0.0]),
        ("fractions", [0.0, 1.5]),
        ("correct", [32]),
        ("correct", [32, 41]),
        ("correct", [32, -1]),
        ("correct", [32, 1.5]),
        ("n", 0),
        ("n", True),
        ("lost", "rgb"),
    ],
)
def test_edited_curves_are_one_sentence(folder: Path, field: str, value: object) -> None:
    path = folder / "frame_loss.json"
    curve = json.loads(path.read_text(encoding="utf-8"))[0]
    path.write_text(json.dumps([{**curve, field: value}]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"frame_loss\.json is damaged or was edited"):
        load_run(folder, name="a")
    path.write_text(json.dumps([{key: old for key, old in curve.items() if key != field}]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"frame_loss\.json is damaged or was edited"):
        load_run(folder, name="a")


def test_a_folder_without_scores_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run/evaluation").mkdir(parents=True)
    (folder / "faults.json").rename(tmp_path / "run/evaluation/faults.json")
    for place in (tmp_path / "run", tmp_path / "run/evaluation"):
        with pytest.raises(FileNotFoundError, match=f"no scores at {place}: run evaluate first, then give its folder"):
            load_run(place, name="a")


def test_a_run_folder_has_what_evaluate_and_faults_left_in_it(folder: Path) -> None:
    expected = load_run(folder, name="a")
    (folder / "evaluation").mkdir()
    (folder / "faults.json").rename(folder / "evaluation/faults.json")
    assert load_run(folder, name="a").faults == expected.faults
    for path in folder.glob("*.*"):
        path.rename(folder / "evaluation" / path.name)
    found, given = load_run(folder, name="a"), load_run(folder / "evaluation", name="a")
    for run in (found, given):
        assert (run.table, run.faults, run.provenance) == (expected.table, expected.faults, expected.provenance)


def test_a_folder_may_have_an_equals_sign(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lr=0.1", "lr=0.2"):
        shutil.copytree(folder, folder.parent / "runs" / name)
    monkeypatch.chdir(folder.parent / "runs")
    page = report_runs(["lr=0.1", f"mine={folder.parent}/runs/lr=0.2"], tmp_path / "report.html")[1].read_text()
    assert "lr=0.1" in page
    assert "mine" in page
    with pytest.raises(FileNotFoundError, match=r"no scores at 0\.3: "):
        report_runs(["lr=0.3"], tmp_path / "report.html")


def test_a_link_to_itself_has_no_scores(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileNotFoundError, match=r"no scores at .*loop"):
        report_runs([str(tmp_path / "loop")], tmp_path / "report.html")

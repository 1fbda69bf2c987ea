import csv
import re
from pathlib import Path

import pytest
import torch

from actionmae.cli import main
from actionmae.evaluation import SubsetScores
from actionmae.experiments import reproduce as experiment
from actionmae.nn.checkpoint import load_model
from actionmae.nn.late_fusion import LateFusion
from actionmae.training.settings import TrainSettings
from helpers.processes import run_python


def trained(out: Path) -> dict[str, int]:
    """Run folders with a model, and when it was written."""
    return {path.parts[-3]: path.stat().st_mtime_ns for path in out.glob("*/model/config.json")}


def test_shards_share_the_work_and_a_kill_loses_at_most_an_epoch(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*words, "--table", "7a", "--seeds", "1"]
    out = ["--out", str(tmp_path / "out")]
    assert main([*words, *out, "--shard", "1/2"]) == 0
    assert "1 of 2 cells are done; without --shard the tables follow" in capsys.readouterr().out
    (first,) = trained(tmp_path / "out")
    killed = run_python(
        "import os\n"
        "from actionmae.training.callbacks import EpochEnd\n"
        "epoch_end = EpochEnd.on_train_epoch_end\n"
        "def end_and_die(self, trainer, module):\n"
        "    epoch_end(self, trainer, module)\n"
        "    print('killed after epoch', trainer.current_epoch, flush=True)\n"
        "    os._exit(0)\n"
        "EpochEnd.on_train_epoch_end = end_and_die\n"
        "from actionmae.cli import main\n"
        f"main({[*words, *out]!r})",
        timeout=600,
    )
    assert "killed after epoch 0" in killed
    assert list(trained(tmp_path / "out")) == [first]
    before = trained(tmp_path / "out")[first]
    assert main([*words, *out, "--dry_run"]) == 0
    listed = capsys.readouterr().out
    assert re.search(rf"^done .*{re.escape(first)}$", listed, re.M)
    assert re.search(r"^begun +\d+ \w+  (no_memory|action_mae) +/", listed, re.M)
    assert "1 of 2 cells are done" in listed
    assert main([*words, *out]) == 0
    assert trained(tmp_path / "out")[first] == before, "it was trained once"
    assert main([*words, "--out", str(tmp_path / "at_once")]) == 0
    names = sorted(trained(tmp_path / "out"))
    assert names == sorted(trained(tmp_path / "at_once"))
    for name in names:  # the same as without shards and kills
        resumed, whole = (SubsetScores.load(tmp_path / each / name / "scores.npz") for each in ("out", "at_once"))
        assert all((resumed.logits[subset] == whole.logits[subset]).all() for subset in whole.subsets)


def test_a_table_with_its_yardsticks(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main([*words, "--table", "5", "--seeds", "1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "other modalities than the paper's: R = left, D = top, I = under" in printed
    with (out / "table_5.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figures = {(row["model"], row["tested on"]): row for row in rows if row["kind"] == "figure"}
    assert figures["Transformer w/ ActionMAE", "Δ R+I"]["paper"] == "-5.4"
    assert figures["Chance, R+D+I", "R"]["measured"] == "33.3"
    late = [key for key in figures if key[0].startswith("Late fusion")]
    assert len(late) == 3 * 8
    assert all(re.fullmatch(r"-?\d+\.\d", row["measured"]) for row in figures.values()), figures
    assert not any(row["remark"] for row in figures.values())
    verdicts = [row["remark"] for row in rows if row["kind"] == "claim"]
    assert len(verdicts) == 5
    assert set(verdicts) <= {"holds", "fails", "undecided"}
    # The numbers are those of the run folders.
    (folder,) = out.glob("plain-sum-L+T+U-seed0-*")
    scores = SubsetScores.load(folder / "scores.npz")
    right = (scores.predicted(scores.full) == scores.labels).mean()
    assert float(figures["Sum", "R+D+I"]["measured"]) == pytest.approx(100 * right, abs=0.051)
    page = (out / "table_5.html").read_text(encoding="utf-8")
    costs = {(row["kind"], row["model"]): row["measured"] for row in rows if row["kind"] in ("training", "parameters")}
    assert page.count("<tr>") == len(rows) - len(costs) // 2 + 3
    assert all(float(cost) > 0 for (_, model), cost in costs.items() if not model.startswith("Chance")), costs
    heads = [costs["parameters", f"Modality dropout{heads}, R+D+I"] for heads in ("", " with token heads")]
    assert heads[0] == heads[1], "token heads do not predict"
    assert int(costs["parameters", "Sum"]) < int(costs["parameters", "Transformer"])
    assert "| Sum | R+D+I | 93.3 |" in (out / "table_5.md").read_text(encoding="utf-8")
    for row, ones in (("late_fusion-", True), ("late_fusion_linear-", True), ("late_fusion_fitted-", False)):
        (folder,) = out.glob(f"{row}L+T+U-seed0-*")
        joined = load_model(folder / "model")
        assert isinstance(joined, LateFusion)
        assert torch.equal(joined.weights, torch.ones(3)) == ones
    # §1(i) needs one more training; a second table goes on from what is there.
    models = trained(out)
    assert main([*words, "--table", "1i", "--seeds", "1", "--out", str(out)]) == 0
    assert len(trained(out).keys() - models.keys()) == 1
    printed = capsys.readouterr().out
    assert len(re.findall(r"^(?:Originals|Each token|All tokens|Trained on).* \d+\.\d$", printed, re.M)) == 4


def test_what_cannot_be_trained_is_not_run_with_the_reason(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*words[:-1], "R=L", "--seeds", "1", "--out", str(tmp_path)]
    assert main([*words, "--table", "6"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^Uni-modal, R +R +86\.6 +\d+\.\d$", printed, re.M)
    assert re.search(r"^ActionMAE, R\+D +R\+D +92\.5 +not run +the data has no D$", printed, re.M)
    assert re.search(r"^3DFCNN, D +D +78\.1 +not run", printed, re.M)
    assert re.search(r"A specialist of I beats ActionMAE on I .* not run$", printed, re.M)
    assert len(trained(tmp_path)) == 1
    assert main([*words, "--table", "3", "--dry_run"]) == 0
    advice = "not run: the data has no D: give --map D=… if something stands for it"
    *reasons, told = capsys.readouterr().out.splitlines()
    assert advice in reasons
    assert len(set(reasons)) == len(reasons)
    assert told.startswith("0 of 0 cells are done")


def test_a_cell_that_fails_does_not_stop_the_others(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(folder: Path, settings: TrainSettings, *, resume: bool) -> None:
        if "seed0" in folder.name:
            raise OSError("the pretrained weights of resnet34 cannot be had")
        tried.append(folder.name)

    tried: list[str] = []
    monkeypatch.setattr(experiment, "train", train)
    assert main([*words, "--table", "7c", "--seeds", "2", "--out", str(tmp_path)]) == 0
    assert len(tried) == 2
    printed = capsys.readouterr().out
    assert re.search(r"^w/ pos +R\+D +92\.5 +not run +the pretrained weights of resnet34 cannot be had$", printed, re.M)
    assert re.search(
        r"Positions help the pair +the pretrained weights of resnet34 cannot be had +not run$", printed, re.M
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--table", "10"], "there is no table '10'"),
        (["--shard", "3/2"], "shard is 3/2: give i/n with i in 1…n"),
        (["--shard", "²/3"], "shard is '²/3': give i/n, as in 3/16"),
        (["--rows", "summ"], "there is no row of 'summ' (did you mean 'sum'?): sum, "),
        (["--seeds", "0"], "seeds is 0: give at least 1"),
        (["--scale", "tiny"], "scale is 'tiny': choose small, full, or give a YAML file"),
        (["--map", "R=Z"], "map R=Z: the data has no Z; it has L (left), T (top), U (under)"),
        (["--map", "R"], "map 'R' cannot be used: give each once as name=value"),
        (["--protocol", "nope/x"], "nope"),
    ],
)
def test_bad_input_is_one_sentence(
    changes: list[str], message: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--dry_run", *changes]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_something_must_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce"]) == 2
    assert "give --manifest to train, or --list" in capsys.readouterr().err

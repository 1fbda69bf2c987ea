"""The verbs, from the command line's words to files and exit codes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from actionmae.cli import VERBS, main
from actionmae.inference.config import EvaluationConfig
from actionmae.inference.evaluate import embed_clips, evaluate_model
from actionmae.training.settings import TrainSettings
from helpers.tiny_recordings import MODALITIES, write_recordings

TINY = "embed_dim: 16, num_heads: 2, mlp_dim: 32, time_depth: 1, mae_depth: 1, fusion_depth: 1, action_mae: true"


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"), missing=True)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    settings = {"data": {"manifest": str(manifest), "modalities": list(MODALITIES), "batch_size": 8}}
    settings |= {"model": yaml.safe_load(f"{{{TINY}}}"), "optim": {"lr": 0.01, "epochs": 2}}
    settings |= {"method": {"name": "action_mae"}}
    settings |= {"device": "cpu", "engine": {"progress": False, "threads": 1}}
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, config: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    assert main(["train", "--config", str(config), "--run", str(folder)]) == 0
    return folder


def test_train_leaves_a_run_folder(run: Path) -> None:
    names = {path.name for path in run.iterdir() if not path.name.startswith("events.")}
    wanted = (
        "run.lock config.yaml metrics.csv checkpoints model scores.npz robustness.json robustness.csv robustness.md"
    )
    assert names == {*wanted.split(), "evaluation.json"}
    assert any(path.name.startswith("events.out.tfevents") for path in run.iterdir())
    provenance = json.loads((run / "model" / "config.json").read_text())["provenance"]
    assert provenance["clips"] == {"train": 24, "val": 0, "test": 9}
    assert provenance["missing_rates"]["sound"] == pytest.approx(1 / 3)
    assert provenance["settings"]["optim"]["epochs"] == 2
    assert "| A+X |" in (run / "model" / "README.md").read_text()


def test_the_written_settings_repeat_the_run(run: Path, tmp_path: Path) -> None:
    command = ["train", "--config", str(run / "config.yaml"), "--run", str(tmp_path / "again")]
    assert main(command) == 0
    weights = [folder / "model" / "model.safetensors" for folder in (run, tmp_path / "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_bare_flags_and_overrides(config: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--config", str(config), "--run", str(tmp_path / "run"), "--optim.epochs", "1"]
    words += ["--init", f"[{run / 'model'}]", "--data.val_subjects", "[2]", "--select", "val"]
    assert main(words) == 0
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 2
    assert main(words) == 2
    assert "is finished: go on with --resume true" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0


@pytest.mark.parametrize("method", [[], ["--method.name", "plain"]])
def test_one_word_chooses_settings_for_small_data(manifest: Path, tmp_path: Path, method: list[str]) -> None:
    words = ["train", "--config", "small", "--run", str(tmp_path / "run"), "--data.manifest", str(manifest)]
    words += ["--data.modalities", json.dumps(MODALITIES), "--optim.epochs", "1", "--engine.progress", "false"]
    assert main([*words, *method, "--device", "cpu"]) == 0
    settings = TrainSettings.from_yaml(tmp_path / "run" / "config.yaml")
    assert (settings.model.embed_dim, settings.optim.schedule) == (128, "cosine")
    assert settings.method.name == ("plain" if method else "cross_prediction")


def test_evaluate_prints_and_writes_the_table(
    run: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(run / "model"), str(manifest), "--out", str(tmp_path / "e")]
    assert main([*words, "--frame-loss", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("subset")
    assert "top-1 by fraction of lost spans: 0 %:" in printed
    assert (tmp_path / "e" / "robustness.json").read_bytes() == (run / "robustness.json").read_bytes()


@pytest.mark.parametrize("devices", [1, 2])
def test_scoring_counts_up_to_what_it_announced(run: Path, manifest: Path, tmp_path: Path, devices: int) -> None:
    told: list[tuple[int, int]] = []
    evaluate_model(
        run / "model",
        manifest,
        EvaluationConfig(frame_loss=True, num_devices=devices, device="cpu", batch_size=4),
        out=tmp_path,
        progress=lambda *count: told.append(count),
    )
    assert told[0] == (0, told[-1][1])
    assert sum(clips for clips, _ in told) == told[-1][1] > 9
    told.clear()
    embed_clips(run / "model", manifest, out=tmp_path / "tokens.npz", progress=lambda *count: told.append(count))
    assert told[0] == (0, 33)
    assert sum(clips for clips, _ in told) == 33


def test_report_compares_runs(run: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report.html"
    words = ["report", f"seeds={run}", f"seeds={run.parent / '.' / 'first' / '..' / 'first'}", f"other={run}"]
    assert main([*words, "--out", str(out), "--manifest", str(manifest), "--title", "Tiny"]) == 0
    assert capsys.readouterr().out.split() == [str(out.with_suffix(suffix)) for suffix in (".html", ".md", ".csv")]
    assert "<title>Tiny</title>" in out.read_text()


def test_predict_as_text_and_json(run: Path, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = manifest.parent / "clip2_inertial.npy"
    assert main(["predict", str(run / "model"), f"inertial={clip}", "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "from inertial (missing: sound)"
    assert len(lines) == 3
    assert main(["predict", str(run / "model"), f"inertial={clip}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["available"] == ["inertial"]


def test_embed_writes_tokens(run: Path, manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "tokens.npz"
    assert main(["embed", str(run / "model"), str(manifest), "--out", str(out)]) == 0
    with np.load(out, allow_pickle=False) as file:
        assert file["tokens"].shape == file["filled"].shape == (33, 2, 16)
        assert list(file["modalities"]) == ["inertial", "sound"]
        missing = ~file["available"]
        assert missing.any()
        assert (file["tokens"][missing] == 0).all()
        assert (np.abs(file["filled"][missing]).max(axis=1) > 0).all()
        assert len(set(file["sample_ids"])) == 33


def test_embed_needs_no_labels_that_the_model_knows(run: Path, manifest: Path, tmp_path: Path) -> None:
    other = shutil.copytree(manifest.parent, tmp_path / "other") / "manifest.csv"
    (other.parent / "classes.txt").unlink()
    other.write_text(manifest.read_text().replace(",wave,", ",unheard of,"))
    out = tmp_path / "tokens.npz"
    assert main(["embed", str(run / "model"), str(other), "--out", str(out)]) == 0
    with np.load(out, allow_pickle=False) as file:
        assert len(file["tokens"]) == 33


BAD = {
    "no such verb": (["trian"], "unknown verb 'trian': choose one of demo, prepare, "),
    "missing argument": (["evaluate"], r"model"),
    "unknown argument": (["evaluate", "--modle", "x"], "modle"),
    "wrong type": (["train", "--run", "x", "--data.manifest", "m.csv", "--optim.epochs", "many"], "optim.epochs"),
    "out of range": (
        ["train", "--run", "x", "--data.manifest", "m.csv", "--optim.lr", "-1"],
        "optim.lr is -1.0: give a",
    ),
    "missing manifest": (
        ["train", "--run", "{tmp}", "--data.manifest", "nowhere.csv"],
        "manifest nowhere.csv does not",
    ),
    "no model folder": (["predict", "nowhere", "rgb=a.avi"], "nowhere is no model folder"),
    "input without name": (
        ["predict", "{run}/model", "a.avi"],
        "input 'a.avi' cannot be used: give each modality once",
    ),
    "unknown modality": (["predict", "{run}/model", "rgb=a.avi"], "unknown modality 'rgb'"),
    "missing recording": (
        ["predict", "{run}/model", "sound=a.npy"],
        "sound recording a.npy does not exist: check its path",
    ),
    "no scores": (["report", "{tmp}"], "no scores at"),
    "tokens not npz": (
        ["embed", "{run}/model", "{manifest}", "--out", "tokens.csv"],
        "out is tokens.csv: give a file name that ends in .npz",
    ),
    "no root": (
        ["prepare", "utd_mhad", "--out", "out"],
        "needs the folder with the raw recordings: actionmae prepare utd_mhad FOLDER --out out",
    ),
    "root of rendered": (
        ["prepare", "synthetic", "x", "--out", "{tmp}"],
        "root x was given, but synthetic recordings are rendered",
    ),
    "too few clips": (["demo", "--out", "{tmp}/demo", "--clips", "3"], "clips is 3: give 24 to 2544, for 8 actions"),
    "too many clips": (
        ["prepare", "synthetic", "--out", "{tmp}/demo", "--clips", "5000"],
        "clips is 5000: give 24 to 2544",
    ),
    "no epoch": (["demo", "--out", "{tmp}/demo", "--epochs", "0"], "epochs is 0: give at least 1"),
    "small frames": (["demo", "--out", "{tmp}/demo", "--frame_size", "5"], "frame_size is 5: give at least 10"),
    "seed below 0": (["demo", "--out", "{tmp}/demo", "--seed", "-1"], "seed is -1: give at least 0"),
    "select without clips": (
        ["train", "--config", "{config}", "--run", "{tmp}/r", "--select", "val"],
        "select is 'val' but there are no validation clips",
    ),
    "method and model": (
        ["train", "--config", "{config}", "--run", "{tmp}/r", "--method.name", "plain"],
        "model.action_mae is True but method 'plain' does not train it: leave it out",
    ),
    "device": (
        ["evaluate", "{run}/model", "{manifest}", "--num_devices", "0"],
        "num_devices is 0: give at least 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_exit_code_2(
    name: str, run: Path, manifest: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, sentence = BAD[name]
    values = {"run": run, "manifest": manifest, "config": config, "tmp": tmp_path}
    assert main([word.format(**values) for word in words]) == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert len(error.splitlines()) == 1, error
    assert not (tmp_path / "demo").exists(), "nothing was begun"


def test_an_unknown_label_is_one_sentence(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_recordings(tmp_path / "other", classes=("clap", "sit down", "jump"))
    assert main(["evaluate", str(run / "model"), str(other)]) == 2
    assert "has label 'jump', which is none of the model's 3 classes" in capsys.readouterr().err


def test_import_runs_a_module_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "greets_here.py").write_text("print('imported')\n")
    (tmp_path / "wants_more.py").write_text("import not_there_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    assert main(["reproduce", "--list", "--import=greets_here"]) == 0
    assert capsys.readouterr().out.startswith("imported\n")
    for words, sentence in (
        (["--import", "nowhere_to_be_found"], f"{tmp_path} has no nowhere_to_be_found.py, and no such package is"),
        (["--import", "greets_here.py"], "--import 'greets_here.py' is no module: write its name"),
        (["--import"], "--import '' is no module: write its name without .py"),
        (["--import", "wants_more"], "No module named 'not_there_at_all'"),
    ):
        assert main(["reproduce", "--list", *words]) == 2
        assert sentence in capsys.readouterr().err


def test_debug_shows_the_traceback(run: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no model folder"):
        main(["predict", "nowhere", "rgb=a.avi", "--debug"])


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([verb, "--help"])
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    assert f"actionmae {verb}" in text
    assert "--config" in text


def test_overview_names_every_verb_and_imports_nothing_heavy() -> None:
    heavy = "print(sorted({'torch', 'lightning', 'av'} & set(sys.modules)))"
    code = f"import sys, actionmae.cli as c; c.main(['--help']); {heavy}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(verb in done.stdout for verb in VERBS)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.count(".") >= 2

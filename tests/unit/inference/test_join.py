"""From specialists to one model folder, by the command line; it works in every verb."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.cli import main
from actionmae.evaluation import SubsetScores
from actionmae.inference.join import fit_weights
from actionmae.nn import load_model
from helpers.tiny_recordings import MODALITIES, write_recordings

SIZES = ["--model.embed_dim=16", "--model.num_heads=2", "--model.mlp_dim=32", "--optim.lr=0.01", "--optim.epochs=3"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest and two specialists that never saw subject 2."""
    folder = tmp_path_factory.mktemp("join")
    manifest = write_recordings(folder / "data")
    for modality in MODALITIES:
        words = ["train", "--run", str(folder / str(modality["name"])), "--data.manifest", str(manifest), *SIZES]
        words += ["--data.modalities", json.dumps([modality]), "--data.val_subjects", "2", "--method.name", "plain"]
        assert main([*words, "--engine.progress", "false"]) == 0
    return folder


def test_joined_specialists_are_a_model_like_any_other(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"A={world}/inertial/model", f"sound={world}/sound/model"]
    fit = ["--fit", f"{world}/data/manifest.csv", "--val_subjects", "2"]
    assert main(["join", *words, "--out", f"{world}/late/model"]) == 0
    assert main(["join", *words, "--out", f"{world}/fitted/model", *fit]) == 0
    assert load_model(world / "late" / "model").weights.tolist() == [1.0, 1.0]
    assert load_model(world / "fitted" / "model").weights.tolist() != [1.0, 1.0]
    facts = json.loads((world / "fitted" / "model" / "config.json").read_text())["provenance"]
    assert facts["fitted_on"]["clips"] == 12
    assert facts["specialists"]["A"]["settings"]["optim"]["epochs"] == 3
    manifest = f"{world}/data/manifest.csv"
    assert main(["evaluate", f"{world}/late/model", manifest]) == 0
    scores = SubsetScores.load(world / "late" / "evaluation" / "scores.npz")
    alone = SubsetScores.load(world / "sound" / "scores.npz")
    np.testing.assert_array_equal(scores.logits[(1,)].argmax(axis=1), alone.logits[(0,)].argmax(axis=1))
    both = scores.logits[(0,)] + scores.logits[(1,)]
    np.testing.assert_allclose(scores.logits[(0, 1)], both, rtol=1e-5, atol=1e-5)
    assert main(["report", f"late={world}/late/evaluation", "--out", f"{world}/report.html"]) == 0
    assert main(["embed", f"{world}/late/model", manifest, "--out", f"{world}/tokens.npz"]) == 0
    capsys.readouterr()
    assert main(["predict", f"{world}/late/model", f"sound={world}/data/clip24_sound.npy"]) == 0
    assert "missing: inertial" in capsys.readouterr().out


def test_trainings_of_one_model_are_a_model_like_any_other(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest, first = f"{world}/data/manifest.csv", f"{world}/sound"
    assert main(["train", "--config", f"{first}/config.yaml", "--run", f"{world}/again", "--engine.seed", "1"]) == 0
    assert main(["join", f"{first}/model", f"{world}/again/model", "--out", f"{world}/two/model"]) == 0
    assert main(["evaluate", f"{world}/two/model", manifest]) == 0
    both, *alone = (
        torch.from_numpy(SubsetScores.load(path).logits[(0,)]).log_softmax(dim=1)
        for path in (world / "two/evaluation/scores.npz", world / "sound/scores.npz", world / "again/scores.npz")
    )
    torch.testing.assert_close(both, ((alone[0] + alone[1]) / 2).log_softmax(dim=1), atol=1e-4, rtol=1e-4)
    assert (alone[0] - alone[1]).abs().max() > 1e-3
    facts = json.loads((world / "two" / "model" / "config.json").read_text())["provenance"]
    assert [each["folder"] for each in facts["trainings"]] == [f"{first}/model", f"{world}/again/model"]
    card = (world / "two" / "model" / "README.md").read_text()
    assert f"`{first}/model`: method `plain`, 3 epochs, seed 0, 2" in card
    assert f"`{world}/again/model`: method `plain`, 3 epochs, seed 1, 2" in card
    assert card.count("clips by the protocol `split` of") == 1
    capsys.readouterr()
    assert main(["predict", f"{world}/two/model", f"sound={world}/data/clip24_sound.npy"]) == 0
    assert main(["calibrate", f"{world}/two/model", manifest, "--val_subjects", "2"]) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["D={}/inertial/model"], "does not fit: this model reads inertial (A); name each by its own modality"),
        (["{}/inertial/model"], "1 training was given: an ensemble needs at least two of one model"),
        (["{0}/inertial/model", "{0}/sound/model"], "training 2 has other modalities than the first"),
        (["{0}/sound/model", "{0}/sound/model", "--fit", "{0}/data/manifest.csv"], "name each model's, as in D=FOLDER"),
        (["A={0}/inertial/model", "{0}/sound/model"], "once as name=folder, as in D=runs/depth/model, or trainings of"),
        (["A={0}/inertial/model", "A={0}/inertial/model"], "give each modality once as name=folder"),
        (["A={}/nowhere"], "is no model folder"),
    ],
)
def test_a_mistake_is_one_sentence(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(["join", *(word.format(world) for word in words), "--out", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_model_folder_is_not_replaced(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chapter1.txt").write_text("dear diary")
    monkeypatch.chdir(tmp_path)
    models = [f"A={world}/inertial/model", f"X={world}/sound/model"]
    before = sorted(world.rglob("*"))
    for out in (".", str(tmp_path), str(world)):
        assert main(["join", *models, "--out", out, "--fit", "nowhere.csv"]) == 2
        assert f"join: {out} exists and is no model folder: nothing in it is touched" in capsys.readouterr().err
    assert (tmp_path / "chapter1.txt").read_text() == "dear diary"
    assert sorted(world.rglob("*")) == before
    (tmp_path / "chapter1.txt").unlink()
    assert main(["join", *models, "--out", "."]) == 0
    assert load_model(tmp_path).modalities.names == ("inertial", "sound")


def test_folders_may_have_an_equals_sign(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("inertial", "sound"):
        shutil.copytree(world / name / "model", tmp_path / f"lr=0.1/{name}")
    models = [f"{tmp_path}/lr=0.1/inertial", f"{tmp_path}/lr=0.1/inertial"]
    assert main(["join", *models, "--out", str(tmp_path / "two")]) == 0
    named = [f"A={tmp_path}/lr=0.1/inertial", f"X={tmp_path}/lr=0.1/sound"]
    assert main(["join", *named, "--out", str(tmp_path / "late")]) == 0
    assert main(["join", named[0], models[0], "--out", str(tmp_path / "mixed")]) == 2
    assert "once as name=folder, as in D=runs/depth/model, or trainings of" in capsys.readouterr().err


def test_a_modality_that_knows_nothing_gets_no_weight(generator: torch.Generator) -> None:
    labels = torch.randint(4, (200,), generator=generator)
    knows = torch.nn.functional.one_hot(labels, 4) * 2.0 + torch.randn(200, 4, generator=generator)
    guesses = torch.randn(200, 4, generator=generator) * 3
    log_probabilities = torch.stack([knows, guesses], dim=1).log_softmax(dim=2)
    available = torch.ones(200, 2, dtype=torch.bool)
    available[:20, 1] = False
    log_probabilities[~available] = torch.nan
    weights, temperatures = fit_weights(log_probabilities, available, labels)
    assert weights[1] / temperatures[1] < 0.1 * weights[0] / temperatures[0]

"""Many clips, broken recordings, votes: what `predict` says beyond one good clip."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest
from actionmae.inference import Prediction, Predictor
from actionmae.inference.prediction import Failure
from actionmae.nn import ClassifierConfig, build_classifier
from actionmae.nn.checkpoint import load_model, save_model
from helpers.processes import run_python
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_recordings(tmp_path / "clips")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    config = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, action_mae=True)
    model = build_classifier(ModalitySet(MODALITIES), classes=CLASSES, config=config)
    return save_model(model, tmp_path_factory.mktemp("model") / "model")


def break_some(manifest: Path) -> None:
    """Clip 1 loses one recording, clip 2 both, clip 4's sound does not exist any more."""
    for name in ("clip1_sound", "clip2_sound", "clip2_inertial"):
        (manifest.parent / f"{name}.npy").write_bytes(b"nonsense")
    (manifest.parent / "clip4_sound.npy").unlink()


def test_answers_come_in_order_and_bad_clips_do_not_stop_the_others(folder: Path, manifest: Path) -> None:
    predictor = Predictor.load(folder)
    rows = read_manifest(manifest).rows[:6]
    break_some(manifest)
    clips = [(row.sample, row.files) for row in rows]
    for batch_size in (1, 4, 32):
        answers = list(predictor.predict_each(clips, batch_size=batch_size))
        assert [type(each) for each in answers] == [Prediction, Prediction, Failure, *[Prediction] * 3]
        for at, alone in ((0, rows[0].files), (1, {"inertial": rows[1].files["inertial"]}), (5, rows[5].files)):
            answer, expected = answers[at], predictor.predict(**alone)
            assert isinstance(answer, Prediction)
            assert answer.classes == expected.classes
            assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
        assert isinstance(answers[4], Prediction)
        assert "does not exist" in answers[4].broken["sound"]
    with pytest.raises(ValueError, match="batch_size is 0: give at least 1"):
        list(predictor.predict_each(clips, batch_size=0))
    with pytest.raises(ValueError, match="batch_size is 0: give at least 1"):
        predictor.predict_windows(rows[0].files, window=0.1, stride=0.1, batch_size=0)


def test_one_clip_goes_on_without_its_broken_recording(
    folder: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    break_some(manifest)
    words = [f"{name}={manifest.parent}/clip1_{name}.npy" for name in ("inertial", "sound")]
    assert main(["predict", str(folder), *words]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("sound is not used: ")
    assert "clip1_sound.npy" in said[0]
    assert said[1] == "from inertial"
    assert main(["predict", str(folder), *(word.replace("clip1", "clip2") for word in words)]) == 2
    assert "clip2_inertial.npy" in capsys.readouterr().err


def test_a_recording_that_breaks_while_it_is_read_counts_as_missing(folder: Path, manifest: Path) -> None:
    class Breaking:
        num_frames, fps = 20, None
        times = window = None

        def read(self, indices: object) -> np.ndarray:
            raise ValueError("cannot be decoded at frame 7")

        images = read

    from actionmae.data.reading.readers import open_reader
    from actionmae.inference.read_clip import read_readable

    modalities = ModalitySet(MODALITIES)
    good = open_reader(manifest.parent / "clip0_inertial.npy", modalities["inertial"])
    sample, broken = read_readable("clip", {"inertial": good, "sound": Breaking()}, modalities)
    assert set(sample.clips) == {"inertial"}
    assert broken == {"sound": "cannot be decoded at frame 7"}
    with pytest.raises(ValueError, match="cannot be decoded at frame 7"):
        read_readable("clip", {"sound": Breaking()}, modalities)


def test_a_manifest_is_predicted_into_a_file(
    folder: Path, manifest: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert (
        main(["predict", str(folder), str(manifest), "--out", f"{manifest.parent}/all.jsonl", "--batch_size", "8"]) == 0
    )
    break_some(manifest)
    assert main(["predict", str(folder), str(manifest), "--out", f"{manifest.parent}/out.csv"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"{manifest.parent}/out.csv: 33 clips, 1 not predicted"
    assert "broken recordings that were not used (2):\n  clip1 without sound: " in caplog.text
    assert "clips that were not predicted (1):\n  clip2: " in caplog.text
    whole = [json.loads(line) for line in (manifest.parent / "all.jsonl").read_text().splitlines()]
    with (manifest.parent / "out.csv").open() as file:
        flat = list(csv.DictReader(file))
    assert [row["sample"] for row in flat] == [row["sample"] for row in whole] == [f"clip{at}" for at in range(33)]
    assert [row["label"] for row in flat][5:] == [row["classes"][0]["name"] for row in whole][5:]
    assert flat[1]["broken"] == "sound"
    assert "clip2_inertial.npy" in flat[2]["error"]
    assert main(["predict", str(folder), str(manifest), "--out", "out.txt"]) == 2
    assert "out is out.txt: give a file name that ends in .jsonl or .csv" in capsys.readouterr().err


def test_patterns_find_the_clips(folder: Path, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"{name}={manifest.parent}/{{clip}}_{name}.npy" for name in ("inertial", "sound")]
    assert main(["predict", str(folder), *words, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["sample"] for each in found] == [f"clip{at}" for at in range(33)]
    expected = Predictor.load(folder).predict(**read_manifest(manifest).rows[7].files)
    assert [each["name"] for each in found[7]["classes"]] == list(expected.classes)


def test_windows_slide_over_a_long_recording(folder: Path, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = read_manifest(manifest).rows
    for name in ("inertial", "sound"):
        np.save(
            manifest.parent / f"long_{name}.npy", np.concatenate([np.load(row.files[name].path) for row in rows[:6]])
        )
    cells = {name: f"{manifest.parent}/long_{name}.npy@20fps" for name in ("inertial", "sound")}
    predictor = Predictor.load(folder)
    found = predictor.predict_windows(cells, window=1.0, stride=1.0, batch_size=4)
    assert [window.start for window, _ in found] == [0, 1, 2, 3, 4, 5]
    for (_, prediction), row in zip(found, rows, strict=False):
        assert prediction.label == predictor.predict(**row.files).label
    words = [f"{name}={cell}" for name, cell in cells.items()]
    assert main(["predict", str(folder), *words, "--window", "1", "--json", "--out", f"{manifest.parent}/w.csv"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["windows"]) == 11
    assert (manifest.parent / "w.csv").read_text().splitlines()[2].startswith(",0.5,1.5,")
    assert said["segments"][0]["start"] == 0
    assert said["segments"][-1]["end"] == 6
    assert main(["predict", str(folder), *words, "--window", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("    0.00 – ")
    assert main(["predict", str(folder), str(manifest), "--window", "1"]) == 2
    assert "windows slide over one recording" in capsys.readouterr().err


def test_a_window_that_cannot_be_read_is_told_and_ends_with_exit_code_1(
    folder: Path, manifest: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sound = np.concatenate([np.load(row.files["sound"].path) for row in read_manifest(manifest).rows[:3]])
    sound[20:40] = [[1e30, -1e30, 1e30, -1e30, 1e30]]
    np.save(manifest.parent / "holed.npy", sound)
    cell = f"{manifest.parent}/holed.npy@20fps"
    found = Predictor.load(folder).predict_windows({"sound": cell}, window=1.0, stride=1.0)
    assert [(window.start, type(answer)) for window, answer in found] == [
        (0, Prediction),
        (1, Failure),
        (2, Prediction),
    ]
    words = ["predict", str(folder), f"sound={cell}", "--window", "1", "--stride", "1"]
    assert main([*words, "--out", f"{manifest.parent}/windows.csv"]) == 1
    assert re.search(
        r"windows that were not predicted \(1\):\n  1\.00 – 2\.00 s: .* computes nothing finite", caplog.text
    )
    capsys.readouterr()
    assert main([*words, "--json"]) == 1
    assert ["error" in each for each in json.loads(capsys.readouterr().out)["windows"]] == [False, True, False]
    with (manifest.parent / "windows.csv").open() as file:
        assert [bool(row["error"]) for row in csv.DictReader(file)] == [False, True, False]
    np.save(manifest.parent / "holed.npy", np.tile(sound[20:40], (3, 1)))
    assert main(words) == 2
    assert "no recording of 0.00 s looks healthy" in capsys.readouterr().err


def test_values_too_large_for_the_model_are_no_answer(
    folder: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = read_manifest(manifest).rows[0].files
    huge = manifest.parent / "huge.npy"
    np.save(huge, np.full((20, 5), 1e30, dtype=np.float32) * np.array([1, -1, 1, -1, 1], dtype=np.float32))
    predictor = Predictor.load(folder)
    said, plain = predictor.predict_many([files | {"sound": huge}, files], top=3, why=True)
    alone = predictor.predict(top=3, inertial=files["inertial"])
    assert (said.available, said.missing) == (("inertial",), ())
    assert "the model computes nothing finite from it" in said.broken["sound"]
    assert said.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert plain.broken == {}
    good, none = predictor.predict_each([("a", files), ("b", {"sound": huge})])
    assert isinstance(good, Prediction)
    assert isinstance(none, Failure)
    assert none.reason.startswith("no recording of b looks healthy: the model computes nothing finite from it")
    with pytest.raises(ValueError, match="no recording of clip 0 looks healthy: the model computes nothing finite"):
        predictor.predict(sound=huge)
    with pytest.raises(ValueError, match="no recording of clip looks healthy: the model computes nothing finite"):
        predictor.embed(sound=huge)
    predictor.model.supported_subsets = ((0, 1), (1,))
    (unsupported,) = predictor.predict_each([("a", files | {"sound": huge})])
    assert "a has inertial, from which this model does not predict" in unsupported.to_dict()["error"]
    assert main(["predict", str(folder), f"sound={huge}", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_an_answer_that_is_not_finite_is_a_failure(folder: Path, manifest: Path) -> None:
    class Overflowing(Predictor):
        def complete(self, tokens: Any, visible: Any) -> Any:
            logits, *rest = super().complete(tokens, visible)
            return np.where(visible[:, :1], logits, np.inf), *rest

    clips = [(row.sample, row.files) for row in read_manifest(manifest).rows[:1]]
    predictor = Overflowing(load_model(folder))
    good, bad = predictor.predict_each([*clips, ("b", {"sound": clips[0][1]["sound"]})])
    assert isinstance(good, Prediction)
    assert bad.to_dict()["error"].startswith("no answer about b can be computed: the model computes nothing finite")


@pytest.mark.parametrize("name", ["lr=0.1/m.tsv", "M.CSV", "m"])
def test_one_word_is_a_manifest(
    folder: Path, manifest: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(manifest.parent)
    Path(name).parent.mkdir(exist_ok=True)
    text = manifest.read_text()
    Path(name).write_text(text.replace(",clip", f",{manifest.parent}/clip"))
    assert main(["predict", str(folder), name]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 33
    assert main(["show", name, "clip1", "--modalities=[sound]", "--out", "clip.png"]) == 2
    assert "sound" in capsys.readouterr().err, "the manifest was read"


def test_votes_are_the_predictions_of_each_sensor_alone_and_of_the_rest(
    folder: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictor = Predictor.load(folder)
    files = read_manifest(manifest).rows[0].files
    both, only = predictor.predict_many([files, {"sound": files["sound"]}], top=3, why=True)
    alone = {name: predictor.predict(top=3, **{name: cell}) for name, cell in files.items()}
    for vote, rest in zip(both.votes, ("sound", "inertial"), strict=True):
        assert (vote.label, vote.probability) == (
            alone[vote.modality].label,
            pytest.approx(alone[vote.modality].probabilities[0], abs=1e-5),
        )
        without = dict(zip(alone[rest].classes, alone[rest].probabilities, strict=True))[both.label]
        assert vote.leave_one_out == pytest.approx(both.probabilities[0] - without, abs=1e-5)
    assert [(vote.modality, vote.leave_one_out) for vote in only.votes] == [("sound", None)]
    assert [vote["modality"] for vote in both.to_dict()["votes"]] == ["inertial", "sound"]
    words = [f"{name}={cell}" for name, cell in files.items()]
    assert main(["predict", str(folder), *words, "--why"]) == 0
    lost = both.votes[0].leave_one_out
    assert lost is not None
    said = f"; without it {both.label} {'falls' if lost >= 0 else 'rises'} by {100 * abs(lost):.1f} points"
    assert re.search(rf"^inertial alone says .* %\){re.escape(said)}$", capsys.readouterr().out, re.M)


def test_a_subset_that_the_model_does_not_support_is_one_sentence(folder: Path, manifest: Path) -> None:
    predictor = Predictor.load(folder)
    predictor.model.supported_subsets = ((0, 1), (1,))
    files = read_manifest(manifest).rows[0].files
    with pytest.raises(
        ValueError,
        match=r"clip 0 has inertial, from which this model does not predict: it was trained for inertial\+sound, sound",
    ):
        predictor.predict(inertial=files["inertial"])
    (both,) = predictor.predict_many([files], why=True)
    assert both.votes[0].label is None
    assert both.votes[1].leave_one_out is None


def test_an_unsure_answer_says_so(folder: Path, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"inertial={manifest.parent}/clip0_inertial.npy"]
    assert main(["predict", str(folder), *words, "--min_confidence", "0.999"]) == 0
    assert "don't know" in capsys.readouterr().out
    assert main(["predict", str(folder), *words, "--min_confidence", "0.999", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sure"] is False
    with pytest.raises(ValueError, match=r"min_confidence is 7\.0: give a probability"):
        Predictor.load(folder, min_confidence=7.0)


def test_predicting_imports_nothing_heavy_but_torch(folder: Path, manifest: Path) -> None:
    """An answer within seconds: what a small model does not need is not imported."""
    run_python(f"""
import sys
from actionmae.cli import main
assert main(["predict", {str(folder)!r}, "sound={manifest.parent}/clip0_sound.npy"]) == 0
heavy = {{"torchvision", "timm", "lightning", "scipy.optimize", "sklearn", "pandas", "matplotlib", "onnx"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
""")

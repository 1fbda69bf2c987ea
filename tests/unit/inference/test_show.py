"""Clips as pictures: the frames that the network gets, with their numbers and times."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.data.cell import Cell
from actionmae.data.cell_text import parse_cell
from actionmae.data.prepare.video_writer import write_color_video
from actionmae.inference.as_seen import as_seen
from actionmae.inference.bones import bones
from actionmae.inference.contact_sheet import contact_sheet
from actionmae.nn.checkpoint import save_model
from helpers.tiny_models import tiny_classifier

RGB = {"name": "rgb", "shape": [3, 16, 16], "num_frames": 4}
DEPTH = {"name": "depth", "shape": [1, 16, 16], "num_frames": 4}
INERTIAL = {"name": "inertial", "shape": [6, 8], "num_frames": 4}


@pytest.fixture
def clip(tmp_path: Path) -> dict[str, Cell]:
    """3 s of colour at 10 fps, each frame one red level; depth of 20 and a signal of 100 samples, from 1 s on."""
    frames = np.zeros((30, 24, 24, 3), np.uint8)
    frames[..., 0] = 8 * np.arange(30)[:, None, None]
    write_color_video(tmp_path / "rgb.avi", frames, 10.0)
    np.save(tmp_path / "depth.npy", np.full((20, 24, 24), 2000, np.uint16))
    np.save(tmp_path / "inertial.npy", np.tile(np.arange(100.0)[:, None], (1, 6)))
    return {
        "rgb": parse_cell("rgb.avi@0s", tmp_path),
        "depth": parse_cell("depth.npy", tmp_path),
        "inertial": parse_cell("inertial.npy@1s+50fps", tmp_path),
    }


def test_frames_numbers_and_times_are_those_of_the_network(clip: dict[str, Cell]) -> None:
    rgb, depth, inertial = as_seen(clip, ModalitySet([RGB, DEPTH, INERTIAL]))
    assert (rgb.on_clock, depth.on_clock, inertial.on_clock) == (True, False, True)
    assert rgb.seconds is not None
    assert inertial.seconds is not None
    np.testing.assert_allclose(rgb.seconds, [0.3, 1.1, 1.8, 2.6], atol=0.01)  # the middles of four parts of 3 s
    np.testing.assert_array_equal(rgb.frames, np.rint(10 * rgb.seconds))
    red = rgb.clip[:, 0].mean(axis=(1, 2)) * 0.229 + 0.485
    np.testing.assert_allclose(255 * red, 8 * rgb.frames, atol=4)
    np.testing.assert_array_equal(depth.frames, [2, 7, 12, 17])
    assert depth.seconds is None
    np.testing.assert_allclose(inertial.seconds, 1 + inertial.frames / 50)
    np.testing.assert_array_equal(inertial.clip[:, 0], inertial.frames)
    assert (rgb.num_frames, depth.num_frames, inertial.num_frames) == (30, 20, 100)


def test_a_sheet_shows_every_frame(clip: dict[str, Cell]) -> None:
    rgb, *_ = as_seen(clip, ModalitySet([RGB]))
    sheet = contact_sheet("a clip", [rgb])
    red = (sheet[..., 0].astype(int) - sheet[..., 1]) > 15
    columns = np.flatnonzero(red.sum(axis=0) > 100)
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    assert [len(group) for group in groups] == [112] * 4
    shown = [int(sheet[red[:, group].any(axis=1)][60, group[50], 0]) for group in groups]
    np.testing.assert_allclose(shown, 8 * rgb.frames, atol=4)


def test_what_is_missing_takes_a_line(clip: dict[str, Cell]) -> None:
    seen = as_seen({"rgb": clip["rgb"]}, ModalitySet([RGB, DEPTH]))
    assert [each.spec.name for each in seen] == ["rgb"]
    assert len(contact_sheet("a", seen, ["depth"])) == len(contact_sheet("a", seen)) + 22
    with pytest.raises(ValueError, match="the clip has none of depth: give at least one recording"):
        as_seen({"rgb": clip["rgb"]}, ModalitySet([DEPTH]))


@pytest.mark.parametrize("joints", [25, 20, 15, 7])
def test_all_joints_of_a_skeleton_are_connected(joints: int, tmp_path: Path) -> None:
    persons = np.random.default_rng(0).normal(size=(5, joints, 3)).astype(np.float32)
    pairs = bones(persons)
    reached = {0}
    while more := {joint for pair in pairs if reached & set(pair) for joint in pair} - reached:
        reached |= more
    assert reached == set(range(joints))
    assert len(pairs) == joints - 1
    np.save(tmp_path / "skeleton.npy", persons)
    spec = {"name": "skeleton", "shape": [2, joints, 3], "num_frames": 3, "mirror": None}
    sheet = contact_sheet("a", as_seen({"skeleton": Cell(tmp_path / "skeleton.npy")}, ModalitySet([spec])))
    blue = (sheet.astype(int) - (31, 119, 180)).__abs__().sum(axis=2) == 0
    assert blue.sum() > 300, "one person is drawn in its colour"
    assert not ((sheet.astype(int) - (214, 39, 40)).__abs__().sum(axis=2) == 0).any(), "the absent one is not"


def test_every_kind_and_value_can_be_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    write_color_video(tmp_path / "flow.avi", rng.integers(0, 255, (6, 24, 24, 3)).astype(np.uint8), 30.0)
    np.save(tmp_path / "sound.npy", rng.normal(size=(9, 5)))
    np.save(tmp_path / "ir.npy", rng.integers(0, 255, (9, 24, 24)).astype(np.uint8))
    np.save(tmp_path / "depth.npy", rng.integers(0, 4000, (9, 24, 24)).astype(np.uint16))
    specs = [
        {"name": "flow", "shape": [2, 16, 16], "num_frames": 20},
        {"name": "sound", "letter": "X", "kind": "features", "shape": [5], "value": "raw", "encoder": "features"},
        {"name": "ir", "shape": [1, 16, 16], "num_frames": 2},
        {"name": "depth", "shape": [3, 16, 16], "num_frames": 2},
    ]
    files = {str(spec["name"]): Cell(next(tmp_path.glob(f"{spec['name']}.*"))) for spec in specs}
    sheet = contact_sheet("kinds", as_seen(files, ModalitySet(specs)))
    assert sheet.shape == (27 + 4 * 22 + 2 * 132 + 224 + 2 * 132, 1860, 3), "twenty frames of flow take two rows"


def test_the_verb_draws_samples_of_a_manifest(
    clip: dict[str, Cell], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = ",".join(str(cell.text(tmp_path)) for cell in clip.values())
    Path("m.csv").write_text(f"sample,label,rgb,depth,inertial\na,wave,{cells}\nb,wave,rgb.avi,,\n")
    Path("modalities.yaml").write_text("- {name: rgb, shape: [3, 32, 32]}\n")
    assert main(["show", "m.csv", "a", "b", "--out", "new/both.png"]) == 0
    assert capsys.readouterr().out == "new/both.png\n"
    both = Image.open("new/both.png").size
    assert main(["show", "m.csv", "a", "--modalities", "[rgb]", "--out", "a.png"]) == 0
    assert Image.open("a.png").size < both
    assert main(["show", "rgb=rgb.avi", "depth=depth.npy"]) == 0
    assert cv2.imread("clip.png") is not None
    save_model(tiny_classifier(ModalitySet([RGB]), space_encoder="grid_cnn"), "model")
    assert main(["show", "m.csv", "b", "--model", "model", "--out", "model.png"]) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["m.csv"], "no sample of m.csv was named: give one or more, for example walk1"),
        (["m.csv", "walk2"], "manifest m.csv has no sample 'walk2' (did you mean 'walk1'?)"),
        (["none.csv", "a"], "manifest none.csv does not exist"),
        (["rgb=none.avi"], "rgb recording none.avi does not exist"),
        (["rgb=a.avi", "b.avi"], "input 'b.avi' cannot be used: give each modality once as name=path"),
        (["thermal=a.avi"], "unknown modality 'thermal'"),
        (["m.csv", "walk1", "--out", "a.jpg"], "out is a.jpg: give a file name that ends in .png"),
        (["m.csv", "walk1", "--model", "none"], "none"),
        (["m.csv", "walk1", "--model", "x", "--modalities", "[rgb]"], "model and modalities were both given"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.csv").write_text("sample,label,rgb\nwalk1,wave,a.avi\n")
    assert main(["show", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert sentence in line
    assert [path.name for path in tmp_path.iterdir()] == ["m.csv"]

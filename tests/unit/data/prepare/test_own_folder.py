"""Folders `<label>/<clip>/<modality>.*`: what counts as a recording, as its clock, as a split."""

from pathlib import Path

import pytest

from actionmae.data.prepare.own_folder import index_folder


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_recordings_clocks_and_notes_are_told_apart(tmp_path: Path) -> None:
    _touch(
        tmp_path, "Gruß/a 1/RGB.MP4", "Gruß/a 1/ir.AVI", "Gruß/a 1/IR.csv", "Gruß/a 1/notes.txt", "Gruß/a 1/.DS_Store"
    )
    (tmp_path / "Gruß/a 1/Depth").mkdir()
    (row,), problems = index_folder(tmp_path, ["rgb", "depth", "ir"])
    assert problems == []
    assert (row.sample, row.label, row.split) == ("Gruß_a 1", "Gruß", "")
    names = {"rgb": "RGB.MP4", "depth": "Depth", "ir": "ir.AVI@IR.csv"}
    assert {name: cell.text(tmp_path / "Gruß/a 1") for name, cell in row.files.items()} == names


def test_a_table_alone_is_the_recording(tmp_path: Path) -> None:
    _touch(tmp_path, "wave/a/rgb.mp4", "wave/a/inertial.csv", "wave/b/rgb.mp4", "wave/b/rgb.txt")
    rows, problems = index_folder(tmp_path, ["rgb", "inertial"])
    assert problems == []
    cells = [[cell.text(tmp_path) for cell in row.files.values()] for row in rows]
    assert cells == [["wave/a/rgb.mp4", "wave/a/inertial.csv"], ["wave/b/rgb.mp4@rgb.txt"]]


def test_folders_on_top_may_be_splits(tmp_path: Path) -> None:
    _touch(tmp_path, "train/a/c10/rgb.avi", "train/a/c9/rgb.avi", "test/b/c/rgb.avi", ".cache/x/y/rgb.avi")
    rows, _ = index_folder(tmp_path, ["rgb"])
    assert [(row.sample, row.split) for row in rows] == [
        ("test_b_c", "test"),
        ("train_a_c9", "train"),
        ("train_a_c10", "train"),
    ]
    _touch(tmp_path, "wave/c/rgb.avi")
    rows, problems = index_folder(tmp_path, ["rgb"])
    assert [row.sample for row in rows] == ["wave_c"], "with another folder beside them they are labels"
    assert len(problems) == 2


def test_what_cannot_be_used_is_listed(tmp_path: Path) -> None:
    _touch(
        tmp_path, "a/b_c/rgb.avi", "a_b/c/rgb.avi", "x/two/rgb.avi", "x/two/rgb.mp4", "x/two/ir.avi", "x/none/me.txt"
    )
    rows, problems = index_folder(tmp_path, ["rgb", "ir"])
    assert {row.sample: set(row.files) for row in rows} == {"a_b_c": {"rgb"}, "x_two": {"ir"}}
    assert any("would be named a_b_c like another clip: rename the folder" in each for each in problems)
    assert any("has several recordings named rgb (rgb.avi, rgb.mp4): keep one" in each for each in problems)
    assert any("holds no recording of rgb, ir: name the files like modalities" in each for each in problems)
    with pytest.raises(FileNotFoundError, match="is no folder: give the folder that holds <label>/<clip>/<modality>"):
        index_folder(tmp_path / "nowhere", ["rgb"])


def test_recordings_that_are_named_like_no_modality_are_told_once(tmp_path: Path) -> None:
    _touch(tmp_path, "a/c1/rgb.avi", "a/c1/dept.mkv", "a/c2/rgb.avi", "a/c2/Dept.mkv", "a/c2/times.txt", "a/c2/ir.avi")
    rows, (problem,) = index_folder(tmp_path, ["rgb"])
    assert [set(row.files) for row in rows] == [{"rgb"}, {"rgb"}], "a modality that was not asked for is no stranger"
    first = tmp_path / "a/c1/dept.mkv"
    assert problem == (
        f"dept is no modality (did you mean 'depth'?), and {first} (2 of this name) is left out: rename it, or define "
        "the modality"
    )

"""UTD-MHAD's names, and the registry of layouts."""

import logging
from pathlib import Path

import pytest

from actionmae.core.modality import ModalitySet
from actionmae.data.layouts import find_protocol, load_layout


def test_names_are_found_in_any_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ["a1_s1_t1_depth.mat", "a1_s1_t1_skeleton.mat", "a10_s2_t3_inertial.mat", "a2_s8_t4_color.avi", "notes.txt"]
    for index, name in enumerate([*names, "a28_s1_t1_depth.mat", "a1_s1_t1_depth.mat"]):
        folder = tmp_path / f"{index}"
        folder.mkdir()
        (folder / name).touch()
    with caplog.at_level(logging.WARNING):
        rows, problems = load_layout("utd_mhad").index(tmp_path)
    assert [row.sample for row in rows] == ["a1_s1_t1", "a2_s8_t4", "a10_s2_t3"]
    assert [row.label for row in rows] == ["swipe left", "swipe right", "draw circle (counter clockwise)"]
    assert [sorted(row.files) for row in rows] == [["depth", "skeleton"], ["rgb"], ["inertial"]]
    assert [row.subject for row in rows] == ["1", "8", "2"]
    assert "UTD-MHAD has 861 recordings, 3 were found" in caplog.text
    assert "UTD-MHAD: nothing was found of subject 3, 4, 5, 6, 7" in caplog.text
    assert "UTD-MHAD: rgb is missing for 2 of 3 recordings, among them all of subject 1, 2" in caplog.text
    assert len(problems) == 2
    assert any("has action 28, none of 1–27" in problem for problem in problems)
    assert any("is also at" in problem for problem in problems)


def test_the_real_data_set_is_complete(recordings: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows, problems = load_layout("utd_mhad").index(recordings / "utd-mhad")
    assert len(rows) == 861
    assert problems == []
    assert caplog.messages == ["UTD-MHAD: no rgb was found at all"]
    assert len({row.label for row in rows}) == 27
    train = find_protocol("utd_mhad/cross-subject").train
    assert sum(row.subject in train for row in rows) == 431


def test_specs_make_a_modality_set() -> None:
    layout = load_layout("utd_mhad")
    modalities = ModalitySet(layout.specs.values())
    assert modalities.letters == ("D", "S", "A")
    assert modalities["skeleton"].shape == (1, 20, 3)
    assert len(layout.classes) == 27


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown layout 'utd-mhad' \(did you mean 'utd_mhad'\?\): known are ntu"):
        load_layout("utd-mhad")
    with pytest.raises(ValueError, match=r"unknown protocol 'cross-subject'.*: known are split, "):
        find_protocol("cross-subject")
    with pytest.raises(FileNotFoundError, match="is no folder: give the folder that holds the UTD-MHAD recordings"):
        load_layout("utd_mhad").index(tmp_path / "none")

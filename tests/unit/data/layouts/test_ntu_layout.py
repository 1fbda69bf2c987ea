"""NTU RGB+D: the name grammar, protocols, and finding samples however they were unpacked."""

import dataclasses
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionmae.data.layouts.ntu import CLASSES, PROTOCOLS, SampleName, index, parse_name
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.run import prepare
from actionmae.synthetic.write import write_recording
from helpers.raw_layouts import recording

NAME = "S001C002P003R001A013"


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@given(*[st.integers(1, 999)] * 4, st.integers(1, 120))
def test_parse_inverts_format(setup: int, camera: int, subject: int, repetition: int, action: int) -> None:
    name = SampleName(setup=setup, camera=camera, subject=subject, repetition=repetition, action=action)
    assert parse_name(str(name)) == name
    assert len(str(name)) == 20


@pytest.mark.parametrize("text", ["S001C002P003R001A13", "s001C002P003R001A013", NAME + "_rgb", ""])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must look like S001C002P003R002A013"):
        parse_name(text)


@pytest.mark.parametrize("action", ["000", "121"])
def test_unknown_actions_are_refused(action: str) -> None:
    with pytest.raises(ValueError, match="actions 1 to 120"):
        parse_name("S001C002P003R001A" + action)


def test_classes_are_in_the_order_of_the_a_numbers() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == 120
    known = {1: "drink water", 23: "hand waving", 50: "punching other person", 60: "walking apart from each other"}
    known |= {61: "put on headphone", 80: "squat down", 104: "stretch oneself", 120: "finger-guessing game"}
    assert {number: CLASSES[number - 1] for number in known} == known
    assert parse_name(NAME).label == "tear up paper"


def test_protocols_are_the_official_ones() -> None:
    small, large = PROTOCOLS["cross-subject"], PROTOCOLS["cross-subject-120"]
    assert (len(small.train), len(large.train)) == (20, 53)
    assert small.train < large.train <= {str(subject) for subject in range(1, 107)}
    assert sum(map(int, small.train)) == 359
    assert PROTOCOLS["cross-view"].train == {"2", "3"}
    assert PROTOCOLS["cross-view"].test == {"1"}
    assert {"2", "32"} <= PROTOCOLS["cross-setup"].train
    assert not {"1", "31"} & PROTOCOLS["cross-setup"].train


def test_index_finds_samples_in_nested_archives(tmp_path: Path) -> None:
    other = "S002C001P004R002A120"
    touch(
        tmp_path,
        f"nturgb+d_rgb_s001/nturgb+d_rgb/{NAME}_rgb.avi",
        f"nturgbd_ir_s001/nturgb+d_ir/{NAME}_ir.avi",
        f"nturgb+d_depth_masked_s001/nturgb+d_depth_masked/{NAME}/MDepth-00000000.png",
        f"nturgb+d_skeletons/{NAME}.skeleton",
        f"mine/frames/{other}_rgb/1.jpg",
        "readme.txt",
    )
    rows, problems = index(tmp_path)
    assert problems == []
    assert [row.sample for row in rows] == [NAME, other]
    first, second = rows
    assert (first.label, first.subject, first.camera, first.setup) == ("tear up paper", "3", "2", "1")
    assert list(first.files) == ["rgb", "depth", "ir", "skeleton"]
    assert first.files["depth"].name == NAME
    assert list(second.files) == ["rgb"]


def test_masked_depth_and_the_original_video_are_preferred(tmp_path: Path) -> None:
    touch(
        tmp_path,
        f"a/nturgb+d_depth/{NAME}/Depth-00000001.png",
        f"b/nturgb+d_depth_masked/{NAME}/MDepth-00000001.png",
        f"a/frames/{NAME}_rgb/1.png",
        f"b/nturgb+d_rgb/{NAME}_rgb.avi",
    )
    (row,), problems = index(tmp_path)
    assert problems == []
    assert row.files["depth"].path.parent.name == "nturgb+d_depth_masked"
    assert row.files["rgb"].path.suffix == ".avi"


def test_extracted_frames_are_taken_where_there_is_no_video(tmp_path: Path) -> None:
    touch(
        tmp_path,
        f"mine/frames/{NAME}_rgb/10.JPG",
        f"mine/frames/{NAME}_rgb/Thumbs.db",
        f"mine/frames/{NAME}_ir/1.png",
        f"nturgb+d_depth/{NAME}/Depth-00000000.png",
    )
    (row,), problems = index(tmp_path)
    assert problems == []
    cells = {name: cell.text(tmp_path) for name, cell in row.files.items()}
    assert cells == {
        "rgb": f"mine/frames/{NAME}_rgb",
        "depth": f"nturgb+d_depth/{NAME}",
        "ir": f"mine/frames/{NAME}_ir",
    }


def test_listed_skeletons_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, f"s/{NAME}.skeleton", f"v/{NAME}_ir.avi", "s/S001C001P001R001A001.skeleton")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/NTU_RGBD_samples_with_missing_skeletons.txt").write_text(f"{NAME}\nS001C001P001R001A001\n")
    rows, _ = index(tmp_path)
    assert [(row.sample, list(row.files)) for row in rows] == [(NAME, ["ir"])]


def test_a_list_of_missing_skeletons_touches_the_skeleton_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever uses rgb and depth keeps every clip; whoever uses the skeleton, too, finds an empty cell."""
    other = "S001C002P003R002A013"
    root = tmp_path / "raw"
    for name in (NAME, other):
        write_recording(root, dataclasses.replace(recording(8, 3, 2), name=parse_name(name)))
    (root / "NTU_RGBD120_samples_with_missing_skeletons.txt").write_text(f"Files:\n{NAME}\n")
    with caplog.at_level(logging.WARNING):
        both = prepare("ntu60", root, tmp_path / "both", modalities=["rgb", "depth"], transcode=False)
    assert both.problems == ()
    assert both.num_files == {"rgb": 2, "depth": 2}
    assert "skeleton" not in caplog.text, "a skeleton that was never published is not missing"
    full = prepare("ntu60", root, tmp_path / "full", transcode=False)
    assert full.num_files == {"rgb": 2, "depth": 2, "ir": 2, "skeleton": 1}
    rows = {row.sample: list(row.files) for row in read_manifest(full.manifest).rows}
    assert rows == {NAME: ["rgb", "depth", "ir"], other: ["rgb", "depth", "ir", "skeleton"]}


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    touch(tmp_path, f"a/{NAME}_rgb.avi", f"b/{NAME}_rgb.avi", "a/S001C001P001R001A121_ir.avi")
    touch(tmp_path, f"frames/{NAME}/0001.png")
    (tmp_path / f"nturgb+d_depth/{NAME}").mkdir(parents=True)
    (row,), problems = index(tmp_path)
    assert row.files["rgb"].path.parent.name == "a"
    assert len(problems) == 4
    images = "holds images like 0001.png: NTU RGB+D's depth is MDepth-*.png or Depth-*.png"
    for part in ("has two files for rgb", "has action 121", "holds no png or jpg images", images):
        assert any(part in problem for problem in problems)


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no folder"):
        index(tmp_path / "nowhere")


def test_the_real_sample_is_found(recordings: Path) -> None:
    rows, problems = index(recordings / "ntu-sample")
    assert problems == []
    assert [(row.sample, row.label, list(row.files)) for row in rows] == [
        ("S001C001P001R001A001", "drink water", ["rgb", "skeleton"])
    ]

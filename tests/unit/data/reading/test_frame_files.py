"""Cells that name a folder, some of its files, or some of its frames."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.cell import Cell
from actionmae.data.check.run import check_manifest
from actionmae.data.manifest import read_manifest, write_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.reading.frame_files import frame_number, list_frames, missing_numbers
from actionmae.data.reading.image_folder import ImageFolder
from actionmae.data.reading.readers import open_reader
from actionmae.data.reading.skeleton_frames import read_skeleton_frames
from helpers.rows import clip_row

JPG, PNG = (".jpg",), (".png",)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Colour frames 1–12 and depth frames 3–12 of one clip in one folder, numbers unpadded, `tc` different."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(1, 13):
        cv2.imwrite(str(folder / f"frame_{number}_tc_{900 + 33 * number}_rgb.jpg"), np.full((8, 8, 3), 20 * number))
        if number > 2:
            image = np.full((4, 4), 100 * number, np.uint16)
            cv2.imwrite(str(folder / f"frame_{number}_tc_{17 + 32 * number}_depth.png"), image)
            cv2.imwrite(str(folder / f"frame_{number}_tc_{17 + 32 * number}_depth_vis.jpg"), np.zeros((4, 4, 3)))
    return folder


def test_a_pattern_takes_one_stream_of_a_folder_in_the_order_of_numbers(clip: Path) -> None:
    names = [frame_number(file) for file in list_frames(Cell(clip, pattern="*_rgb.jpg"), JPG)]
    assert names == list(range(1, 13))
    assert len(list_frames(Cell(clip), JPG)) == 22
    assert list_frames(Cell(clip, pattern="*_rgb.jpg"), PNG) == []


def test_numbers_take_the_frames_that_all_streams_have(clip: Path) -> None:
    cell = Cell(clip, pattern="*_rgb.jpg").with_frames([3, 4, 5, 8, 10, 9])
    assert [frame_number(file) for file in list_frames(cell, JPG)] == [3, 4, 5, 8, 9, 10]
    assert len(list_frames(Cell(clip).with_frames([7]), PNG)) == 1


def test_a_frame_that_was_asked_for_must_be_there(clip: Path) -> None:
    with pytest.raises(ValueError, match=r"frame 1 of .*#1-4 is missing: copy the folder again"):
        ImageFolder(Cell(clip, pattern="*_depth.png").with_frames(range(1, 5)), "depth")


@pytest.mark.parametrize(
    ("numbers", "lost"),
    [
        ([0, 1, 2, 3], []),
        ([3, 4, 6, 7, 10], [5, 8, 9]),
        ([0, 2, 4, 6, 10], [8]),  # every second frame was kept
        ([5], []),
        ([0, 1, 7, 20, 33], []),  # a choice of frames
        ([933, 967, 1000, 1034], []),  # the time of day
        ([1, 1, 1], []),  # a camera's number
    ],
)
def test_lost_frames_are_told_from_their_numbers(numbers: list[int], lost: list[int]) -> None:
    files = [Path("clip") / f"f{number}_{at}.png" for at, number in enumerate(numbers)]
    assert missing_numbers(Cell(Path("clip")), files) == lost
    assert missing_numbers(Cell(Path("clip")).with_frames(range(10)), files) == []
    assert missing_numbers(Cell(Path("clip")), [Path("clip/a.png"), *files]) == []


def test_check_and_prepare_tell_what_a_folder_lacks(tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    folder = root / "walk" / "a" / "depth"
    folder.mkdir(parents=True)
    image = np.random.default_rng(0).integers(500, 900, (32, 32)).astype(np.uint16)
    for number in (0, 1, 3, 4):
        cv2.imwrite(str(folder / f"MDepth-{number:08d}.png"), image)
    report = prepare("folder", root, tmp_path / "out")
    [problem] = report.problems
    assert problem.reason.endswith("depth lacks frame 2: copy it again; what is there was used")
    assert open_reader(read_manifest(report.manifest).rows[0].files["depth"], resolve("depth")).num_frames == 4
    raw = prepare("folder", root, tmp_path / "raw", transcode=False)
    (folder / "MDepth-00000003.png").unlink()
    [finding] = [each for each in check_manifest(raw.manifest).findings if each.kind == "lost_frames"]
    assert finding.text == "walk_a depth: the folder lacks 2 frames between 2 and 3"
    for number in (2, 3):
        cv2.imwrite(str(folder / f"MDepth-{number:08d}.png"), image)
    report = prepare("folder", root, tmp_path / "out")
    assert report.problems == ()
    assert open_reader(read_manifest(report.manifest).rows[0].files["depth"], resolve("depth")).num_frames == 5


def test_pairs_by_number_read_together(clip: Path) -> None:
    rgb = open_reader(Cell(clip, pattern="*_rgb.jpg").with_frames(range(3, 13)), resolve("rgb"))
    depth = open_reader(Cell(clip, pattern="*_depth.png").with_frames(range(3, 13)), resolve("depth"))
    assert rgb.num_frames == depth.num_frames == 10
    assert depth.read([0, 9])[:, 0, 0, 0].tolist() == [300, 1200]
    assert abs(int(rgb.read([0])[0, 0, 0, 0]) - 60) < 3


def test_a_manifest_holds_such_cells(clip: Path, tmp_path: Path) -> None:
    cell = Cell(clip, pattern="*_rgb.jpg").with_frames(range(3, 13))
    write_manifest(tmp_path / "manifest.csv", [clip_row(sample="a", label="x", files={"rgb": cell})], ["x"])
    (row,) = read_manifest(tmp_path / "manifest.csv").rows
    assert row.files["rgb"] == cell
    write_manifest(
        tmp_path / "manifest.csv", [clip_row(sample="a", label="x", files={"rgb": tmp_path / "no/*_rgb.jpg"})], ["x"]
    )
    with pytest.raises(FileNotFoundError, match="rgb of sample 'a'"):
        read_manifest(tmp_path / "manifest.csv")


def write_text(folder: Path, frame: int, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"frame_{frame}_tc_{frame * 40}_skeletons.txt").write_text(text)


def joints(start: float) -> str:
    return "".join(f"{start + joint},0.5,2,1\n" for joint in range(2))


def test_skeleton_texts_one_per_frame(tmp_path: Path) -> None:
    write_text(tmp_path / "s", 9, "1,2\n" + joints(0))
    write_text(tmp_path / "s", 10, "2,2\n" + joints(5) + "1\n" + joints(8))
    write_text(tmp_path / "s", 11, "0\n")
    out = read_skeleton_frames(Cell(tmp_path / "s", pattern="*_skeletons.txt"), num_persons=2, num_joints=2)
    assert out.shape == (3, 2, 2, 3)
    np.testing.assert_allclose(out[0, 0], [[0, 0.5, 2], [1, 0.5, 2]])
    assert out[1, :, 0, 0].tolist() == [5, 8]
    assert np.isnan(out[0, 1]).all()
    assert np.isnan(out[2]).all()
    spec = resolve({"name": "skeleton", "shape": [1, 2, 3], "mirror": None})
    assert open_reader(tmp_path / "s", spec).read([0, 1]).shape == (2, 1, 2, 3)


def test_broken_skeleton_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases = {
        "cut": ("1\n" + joints(0)[:-10], "has 1 joints, the modality 2"),
        "word": ("1\na,b,c,d\n", "has the line 'a,b,c,d': a joint is x,y,z,confidence"),
        "nan": ("1\nnan,0,0,1\n0,0,0,1\n", "has NaN or infinite joints"),
        "nobody": ("0\n", "holds no body in any frame"),
    }
    for name, (text, message) in cases.items():
        write_text(tmp_path / name, 1, text)
        with pytest.raises(ValueError, match=message):
            read_skeleton_frames(Cell(tmp_path / name), num_persons=1, num_joints=2)
    with pytest.raises(ValueError, match="names no skeleton texts: give a folder and a pattern"):
        read_skeleton_frames(Cell(tmp_path / "empty"), num_persons=1, num_joints=2)

"""Every layout finds rendered recordings in the original form of its data set; protocols are the published ones."""

import logging
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.cell import Cell
from actionmae.data.layouts import LAYOUTS, find_protocol, load_layout
from actionmae.data.layouts.completeness import Published
from actionmae.data.layouts.pairing import common_frames
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.reading.readers import open_reader
from actionmae.data.splits import split_manifest
from actionmae.synthetic.body import JOINTS
from helpers.nw_ucla_files import KINECT_V1_JOINTS
from helpers.raw_layouts import FRAMES, RAW, recording
from helpers.rows import clip_row
from helpers.uwa3d_files import OPENNI_JOINTS

PROTOCOL = {
    "ntu": "ntu/cross-subject",
    "ntu60": "ntu60/cross-subject",
    "ntu120": "ntu120/cross-subject",
    "nw_ucla": "nw_ucla/cross-view",
    "uwa3d": "uwa3d/paper",
    "utd_mhad": "utd_mhad/cross-subject",
}
MODALITIES = {"ntu": ["rgb", "depth", "ir", "skeleton"], "nw_ucla": ["rgb", "depth", "skeleton"]}
MODALITIES |= {"ntu60": MODALITIES["ntu"], "ntu120": MODALITIES["ntu"]}
MODALITIES["uwa3d"] = ["rgb", "depth", "skeleton"]
MODALITIES["utd_mhad"] = ["rgb", "depth", "skeleton", "inertial"]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One rendered data set per form."""
    forms = {name: RAW[name](tmp_path_factory.mktemp(name)) for name in ("ntu", "nw_ucla", "uwa3d", "utd_mhad")}
    return forms | {"ntu60": forms["ntu"], "ntu120": forms["ntu"]}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_raw_recordings_become_a_manifest_with_both_splits(layout: str, raw: dict[str, Path], tmp_path: Path) -> None:
    report = prepare(layout, raw[layout], tmp_path)
    assert report.problems == ()
    manifest = read_manifest(report.manifest)
    assert list(manifest.modalities) == MODALITIES[layout]
    assert all(list(row.files) == MODALITIES[layout] for row in manifest.rows)
    assert len(manifest.classes) == 2
    splits = split_manifest(manifest, PROTOCOL[layout])
    assert len(splits.train) + len(splits.test) == report.num_clips
    assert {row.label for row in splits.train} == {row.label for row in splits.test} == set(manifest.classes)
    specs = load_layout(layout).specs
    for row in manifest.rows:
        for name, cell in row.files.items():
            reader = open_reader(cell, resolve(specs.get(name, name)))
            assert reader.num_frames > FRAMES / 2
            if layout != "utd_mhad" and (layout, name) != ("uwa3d", "skeleton"):
                rgb = open_reader(row.files["rgb"], resolve("rgb"))
                assert reader.num_frames == rgb.num_frames, "frames of a clip are paired"


@pytest.mark.parametrize("layout", ["ntu60", "ntu120", "nw_ucla", "uwa3d", "utd_mhad"])
def test_what_is_missing_of_the_published_set_is_told(
    layout: str, raw: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    published = {"ntu60": "56,880", "ntu120": "114,480", "nw_ucla": "1,475", "uwa3d": "1,070"}.get(layout, "861")
    with caplog.at_level(logging.WARNING):
        rows, _ = load_layout(layout).index(raw[layout])
    assert f"has {published} recordings, {len(rows)} were found" in caplog.text
    if layout == "ntu60":
        assert "nothing was found of setup 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17" in caplog.text


def test_lacks_are_named_by_modality_and_place(caplog: pytest.LogCaptureFixture) -> None:
    cell = Path("x")
    both, alone = {"rgb": cell, "ir": cell}, {"rgb": cell}
    rows = [clip_row(sample=f"{at}", label="a", setup=f"{1 + at // 2}", files=both) for at in range(4)]
    whole = Published(title="X", recordings=4, modalities=("rgb", "ir"), by="setup", groups="12")
    assert whole.missing(rows) == []
    rows += [clip_row(sample="e", label="a", setup="3", files=alone)]
    assert (
        Published(title="X", recordings=5, modalities=["ir"], by="setup", groups="123").missing(
            rows, known={"ir": {"e"}}
        )
        == []
    ), "published without it"
    found = Published(title="X", recordings=4, modalities=("rgb", "ir", "depth"), by="setup", groups="14").missing(rows)
    assert found == [
        "X has 4 recordings, 5 were found",
        "X: nothing was found of setup 4",
        "X: ir is missing for 1 of 5 recordings, among them all of setup 3",
        "X: no depth was found at all",
    ]
    whole.warn([])
    assert caplog.text == ""


def test_ntu60_is_the_first_half_of_ntu120(tmp_path: Path) -> None:
    for name in ("S001C001P001R001A060", "S018C001P001R001A001", "S001C001P001R001A061"):
        (tmp_path / f"{name}_rgb.avi").touch()
    samples = {layout: [row.sample for row in load_layout(layout).index(tmp_path)[0]] for layout in ("ntu60", "ntu120")}
    assert samples["ntu60"] == ["S001C001P001R001A060"]
    assert len(samples["ntu120"]) == 3
    assert len(load_layout("ntu60").classes) == 60
    assert len(load_layout("ntu120").classes) == 120
    assert len(find_protocol("ntu120/cross-subject").train) == 53
    assert find_protocol("ntu60/cross-subject").train < find_protocol("ntu120/cross-subject").train
    assert find_protocol("ntu60/cross-view") == find_protocol("ntu/cross-view")
    assert find_protocol("ntu120/cross-setup") == find_protocol("ntu/cross-setup")


def test_views_are_divided_as_in_the_papers() -> None:
    def views(name: str) -> tuple[str, str]:
        rule = find_protocol(name)
        assert rule.field == "camera"
        assert rule.test is not None
        return "".join(sorted(rule.train)), "".join(sorted(rule.test))

    assert views("nw_ucla/cross-view") == ("12", "3")
    assert views("nw_ucla/cross-view-1") == ("23", "1")
    assert views("nw_ucla/cross-view-2") == ("13", "2")
    assert views("uwa3d/paper") == ("34", "12")
    usual = set(load_layout("uwa3d").protocols) - {"paper"}
    assert len(usual) == 12
    for name in usual:
        train, test = views(f"uwa3d/{name}")
        assert name == f"{train}-{test}"
        assert (len(train), len(test), set(train) & set(test)) == (2, 1, set())


def test_classes_are_the_published_ones() -> None:
    nw_ucla, uwa3d = load_layout("nw_ucla").classes, load_layout("uwa3d").classes
    assert (len(set(nw_ucla)), len(set(uwa3d))) == (10, 30)
    assert (nw_ucla[6], nw_ucla[8], uwa3d[0], uwa3d[27]) == (
        "donning",
        "throw",
        "one hand waving",
        "sitting down (chair)",
    )


def test_nw_ucla_pairs_by_frame_number_and_reads_its_skeletons(raw: dict[str, Path]) -> None:
    rows, problems = load_layout("nw_ucla").index(raw["nw_ucla"])
    assert problems == []
    late = next(row for row in rows if row.sample == "v1_a05_s01_e00")
    assert (late.label, late.subject, late.camera) == ("sit down", "1", "1")
    assert [cell.name for cell in late.files.values()] == ["*_rgb.jpg#3-8", "*_depth.png", "*_skeletons.txt#3-8"]
    specs = load_layout("nw_ucla").specs
    joints = open_reader(late.files["skeleton"], resolve(specs["skeleton"])).read([0, 5])
    source = recording(8, 1, 1)
    np.testing.assert_allclose(joints[1, 0], source.joints[7, 0, list(KINECT_V1_JOINTS)], atol=1e-4)
    depth = open_reader(late.files["depth"], resolve("depth")).read([0])
    np.testing.assert_array_equal(depth[0, :, :, 0], source.depth[2])


def test_uwa3d_pairs_takes_and_frames(raw: dict[str, Path]) -> None:
    rows, problems = load_layout("uwa3d").index(raw["uwa3d"])
    assert problems == []
    short = next(row for row in rows if row.sample == "a06_s01_v03_e01")
    names = ["a06_s01_v03_e01#1-5", "a06_s01_v03_e00", "a06_s01_e01_v03.mat"]
    assert [cell.name for cell in short.files.values()] == names
    assert (short.label, short.camera) == ("standing up", "3")
    assert open_reader(short.files["rgb"], resolve("rgb")).num_frames == 5
    assert short.files["depth"].path.parent.name == "UWA3D-Depth", "regions of interest before whole frames"


def test_uwa3d_regions_of_changing_size_and_skeletons_are_what_was_rendered(
    raw: dict[str, Path], tmp_path: Path
) -> None:
    report = prepare("uwa3d", raw["uwa3d"], tmp_path)
    row = next(row for row in read_manifest(report.manifest).rows if row.sample == "a05_s01_v01_e01")
    source = recording(8, 1, 1)
    sizes = set()
    depth = open_reader(row.files["depth"], resolve("depth")).read(range(FRAMES))[..., 0]
    for frame, whole, person in zip(depth, source.depth, source.person, strict=True):
        np.testing.assert_array_equal(np.sort(frame[frame > 0]), np.sort(whole[person & (whole > 0)]))
        sizes.add((person.any(axis=1).sum(), person.any(axis=0).sum()))
    assert len(sizes) > 1, "the person's size changes"
    spec = resolve(load_layout("uwa3d").specs["skeleton"])
    joints = open_reader(row.files["skeleton"], spec).read(range(FRAMES))
    np.testing.assert_allclose(joints[:, 0], source.joints[:, 0, list(OPENNI_JOINTS)], atol=1e-6)
    assert spec.mirror is not None
    left_and_right = [JOINTS[joint] for joint in OPENNI_JOINTS]
    for name, other in zip(left_and_right, spec.mirror.permutation, strict=True):
        swapped = name.replace("left", "R").replace("right", "left").replace("R", "right")
        assert left_and_right[other] == swapped


def test_uwa3d_takes_are_paired_by_name_whatever_its_order(tmp_path: Path) -> None:
    image(tmp_path / "UWA3D-RGB/a01_s02_v03_e01/001,.jpg")
    image(tmp_path / "UWA3D-RGB/a01_s02_v03_e02/001,.jpg")
    image(tmp_path / "UWA3DII_Depth/Actions_images/a01_s02_e00_v03/001.png")  # whole frames
    image(tmp_path / "UWA3DII_Depth_ROI/UWA3D-Depth/a01_s02_v03_e00/001.png")
    image(tmp_path / "UWA3DII_Depth_ROI/UWA3D-Depth/a01_s02_v03_e01/001.png")
    image(tmp_path / "UWA3D-Depth/a02_s02_v03_e01.mat")  # no skeleton
    image(tmp_path / "mine/a01_s02_v03_e02.npy")
    image(tmp_path / "ActionsSkeleton/a03_s01_e01_v04.mat")
    rows, problems = load_layout("uwa3d").index(tmp_path)
    assert problems == []
    assert [(row.sample, [cell.name for cell in row.files.values()]) for row in rows] == [
        ("a01_s02_v03_e01", ["a01_s02_v03_e01", "a01_s02_v03_e00"]),
        ("a01_s02_v03_e02", ["a01_s02_v03_e02", "a01_s02_v03_e01", "a01_s02_v03_e02.npy"]),
        ("a03_s01_v04_e01", ["a03_s01_e01_v04.mat"]),
    ]
    assert (rows[2].label, rows[2].subject, rows[2].camera) == ("two hand waving", "1", "4")


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_uwa3d_tells_what_it_leaves_out(tmp_path: Path) -> None:
    image(tmp_path / "UWA3D-RGB/a21_s02_v04_e01/001,.jpg")
    image(tmp_path / "UWA3D-RGB/a31_s02_v04_e01/001,.jpg")
    image(tmp_path / "UWA3D-RGB/a01_s02_v04_e01/001,.jpg")
    image(tmp_path / "UWA3D-RGB/a01_s02_v04_e02/001,.jpg")
    image(tmp_path / "UWA3D-Depth/WholeFrames/a01_s02_v04_e02/001.png")
    image(tmp_path / "UWA3D-Depth/WholeFrames/a02_s02_v04_e02/001.png")
    image(tmp_path / "UWA3D-RGB/a02_s02_v04_e02/002,.jpg")
    image(tmp_path / "notes/a03_s02_v04_e02/001.png")
    (tmp_path / "UWA3D-RGB/a04_s02_v04_e01").mkdir()
    rows, problems = load_layout("uwa3d").index(tmp_path)
    assert [(row.sample, list(row.files)) for row in rows] == [
        ("a01_s02_v04_e01", ["rgb"]),
        ("a01_s02_v04_e02", ["rgb", "depth"]),
    ]
    for part in (
        "a21_s02_v04_e01 is left out: it is known",
        "a31_s02_v04_e01 is left out: UWA3D Multiview II has actions 1 to 30",
        "a04_s02_v04_e01 is left out: it is empty, unpack its archive again",
        "in common",
    ):
        assert any(part in problem for problem in problems)
    assert len(problems) == 4


def test_one_view_alone_is_found_when_it_is_the_root(raw: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    view = next(raw["nw_ucla"].rglob("view_1"))
    rows, _ = load_layout("nw_ucla").index(view)
    assert rows
    assert {row.camera for row in rows} == {"1"}
    monkeypatch.chdir(view)
    assert len(load_layout("nw_ucla").index(Path())[0]) == len(rows)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_example_of_a_name_is_one(layout: str, tmp_path: Path) -> None:
    file = tmp_path / load_layout(layout).example
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".jpg":
        image(file)
    file.touch()
    rows, problems = load_layout(layout).index(tmp_path)
    assert len(rows) + len(problems) == 1  # found, if not whole: two of the examples are one stream of several


def test_nw_ucla_tells_what_it_leaves_out(tmp_path: Path) -> None:
    image(tmp_path / "view_1/a07_s01_e00/frame_1_tc_5_rgb.jpg")
    image(tmp_path / "view_2/a01_s01_e00/notes.md")
    rows, problems = load_layout("nw_ucla").index(tmp_path)
    assert rows == []
    assert len(problems) == 2
    assert "has action 7 and view 1: NW-UCLA has" in problems[0]
    assert "holds no frames: unpack its archive again" in problems[1]


def test_recordings_without_a_common_frame_are_refused(tmp_path: Path) -> None:
    image(tmp_path / "rgb/1.jpg")
    image(tmp_path / "depth/2.png")
    with pytest.raises(ValueError, match="have no frame number in common"):
        common_frames({name: Cell(tmp_path / name) for name in ("rgb", "depth")})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_root_is_refused(layout: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no folder: give the folder that holds"):
        load_layout(layout).index(tmp_path / "nowhere")

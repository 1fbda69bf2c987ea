"""Crops to persons by what a data set has: joints' pixels, a background of 0; never a mix."""

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.layouts.ntu import SampleName
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.crop_source import CropSource
from actionmae.data.prepare.run import prepare
from actionmae.data.reading.readers import open_reader
from actionmae.data.reading.skeleton_text import read_joint_pixels
from actionmae.synthetic.render import Recording, render_clip
from actionmae.synthetic.write import write_recording
from helpers.raw_layouts import raw_utd_mhad

WAVE = SampleName(setup=1, camera=1, subject=2, repetition=1, action=23)
PAIR = SampleName(setup=1, camera=1, subject=2, repetition=1, action=58)
FOLDERS = {
    "rgb": "nturgb+d_rgb/{}_rgb.avi",
    "ir": "nturgb+d_ir/{}_ir.avi",
    "skeleton": "nturgb+d_skeletons/{}.skeleton",
}


@pytest.fixture(scope="module")
def wave() -> Recording:
    """One person, at an eighth and a quarter of the sensor's sizes."""
    return render_clip(WAVE, num_frames=3, size=((240, 136), (128, 106)))


@pytest.fixture(scope="module")
def pair() -> Recording:
    """Two persons."""
    return render_clip(PAIR, num_frames=3, size=((240, 136), (128, 106)))


def _problems(out: Path) -> list[tuple[str, str, str]]:
    with (out / "problems.csv").open() as file:
        return [(row["sample"], row["modality"], row["reason"]) for row in csv.DictReader(file)]


def _read(cell: Path, name: str) -> np.ndarray:
    reader = open_reader(cell, resolve(name))
    return reader.read(range(reader.num_frames))


@pytest.mark.parametrize("name", [WAVE, PAIR])
@pytest.mark.parametrize("masked", [True, False])
def test_all_joints_are_in_the_cut(
    wave: Recording, pair: Recording, tmp_path: Path, masked: bool, name: SampleName
) -> None:
    clip = wave if name == WAVE else pair
    write_recording(tmp_path / "raw", clip, masked=masked)
    report = prepare("ntu", tmp_path / "raw", tmp_path / "out", crop="person")
    assert report.problems == ()
    files = read_manifest(report.manifest).rows[0].files
    source = CropSource(
        by_joints=True, skeleton=tmp_path / "raw" / FOLDERS["skeleton"].format(name), spec=resolve("skeleton")
    )
    raw_depth = f"nturgb+d_depth{'_masked' * masked}/{{}}"
    for modality, points in (("rgb", clip.color_xy), ("ir", clip.depth_xy), ("depth", clip.depth_xy)):
        raw = tmp_path / "raw" / FOLDERS.get(modality, raw_depth).format(name)
        box = source.find(open_reader(raw, resolve(modality)), resolve(modality))
        x, y = np.moveaxis(points[clip.tracking == 2], -1, 0)
        assert box.left <= x.min()
        assert x.max() <= box.left + box.side - 1
        assert box.top <= y.min()
        assert y.max() <= box.top + box.side - 1
        whole, cut = _read(raw, modality), _read(files[modality], modality)
        assert cut.shape[1:3] == (box.side, box.side)
        assert name == PAIR or box.side < 0.9 * whole.shape[1]
        expected = np.stack([box.cut(frame) for frame in whole])
        if modality == "depth":
            np.testing.assert_array_equal(cut, expected)
        else:
            assert np.abs(cut.astype(int) - expected).mean() < 4, "it is JPEG again"


def test_the_skeleton_need_not_be_asked_for(wave: Recording, tmp_path: Path) -> None:
    write_recording(tmp_path / "raw", wave)
    report = prepare(
        "ntu", tmp_path / "raw", tmp_path / "out", crop="person", modalities=["rgb", "depth"], short_side=64, flow=True
    )
    files = read_manifest(report.manifest).rows[0].files
    assert list(files) == ["rgb", "depth", "flow"]
    assert _read(files["rgb"], "rgb").shape[1:3] == _read(files["flow"], "flow").shape[1:3] == (64, 64)
    clip = tmp_path / "own" / "wave" / "one"  # in one's own folders, too
    clip.mkdir(parents=True)
    (tmp_path / "raw" / FOLDERS["rgb"].format(WAVE)).rename(clip / "rgb.avi")
    (tmp_path / "raw" / FOLDERS["skeleton"].format(WAVE)).rename(clip / "skeleton.skeleton")
    report = prepare("folder", tmp_path / "own", tmp_path / "out2", crop="person", modalities=["rgb"], short_side=64)
    assert _read(read_manifest(report.manifest).rows[0].files["rgb"], "rgb").shape[1:3] == (64, 64)


def test_a_clip_without_skeleton_is_listed_and_not_left_whole(wave: Recording, pair: Recording, tmp_path: Path) -> None:
    write_recording(tmp_path / "raw", wave)
    write_recording(tmp_path / "raw", pair)
    (tmp_path / "raw" / "NTU_RGBD_samples_with_missing_skeletons.txt").write_text(f"{PAIR}\n")
    report = prepare("ntu", tmp_path / "raw", tmp_path / "out", crop="person")
    assert [list(row.files) for row in read_manifest(report.manifest).rows] == [
        ["rgb", "depth", "ir", "skeleton"],
        ["depth"],  # by its background of 0
    ]
    assert _problems(tmp_path / "out") == [
        (
            str(PAIR),
            name,
            f"{name} cannot be cropped to the persons (it has no .skeleton text): it is left out",
        )
        for name in ("rgb", "ir")
    ]


def test_full_depth_needs_the_skeleton(wave: Recording, pair: Recording, tmp_path: Path) -> None:
    write_recording(tmp_path / "raw", wave, masked=False)
    write_recording(tmp_path / "raw", pair, masked=False)
    skeleton = tmp_path / "raw" / FOLDERS["skeleton"].format(PAIR)
    skeleton.write_text(re.sub(r"^((?:\S+ ){3})\S+ \S+ \S+ \S+", r"\1 0 0 nan nan", skeleton.read_text(), flags=re.M))
    assert np.isnan(read_joint_pixels(skeleton, num_persons=2, num_joints=25).color[:, 0]).all()
    prepare("ntu", tmp_path / "raw", tmp_path / "out", crop="person")
    lacks = f"{PAIR}.skeleton gives no pixels of joints"
    assert [(modality, reason.partition("(")[2].partition(")")[0]) for _, modality, reason in _problems(
        tmp_path / "out"
    )] == [("rgb", lacks), ("depth", f"its background is not 0, and {lacks}"), ("ir", lacks)]  # fmt: skip


def test_without_any_skeleton_text_only_depth_is_cropped(tmp_path: Path) -> None:
    raw = raw_utd_mhad(tmp_path / "raw")
    report = prepare("utd_mhad", raw, tmp_path / "out", crop="person")
    assert report.problems == ()
    for row in read_manifest(report.manifest).rows:
        whole = next(raw.rglob(f"{row.sample}_color.avi"))
        assert _read(row.files["rgb"], "rgb").shape[1:3] == _read(whole, "rgb").shape[1:3]
        assert _read(row.files["depth"], "depth").shape[1] == _read(row.files["depth"], "depth").shape[2]
    with pytest.raises(
        ValueError, match="crop is person, but nothing can be cropped: that needs depth whose background"
    ):
        prepare("utd_mhad", raw, tmp_path / "other", crop="person", modalities=["rgb"])


def test_skeletons_that_come_later_do_not_mix_cropped_with_whole_images(wave: Recording, tmp_path: Path) -> None:
    write_recording(tmp_path / "raw", wave)
    skeleton = tmp_path / "raw" / FOLDERS["skeleton"].format(WAVE)
    skeleton.rename(tmp_path / "later")
    prepare("ntu", tmp_path / "raw", tmp_path / "out", crop="person")
    (tmp_path / "later").rename(skeleton)
    with pytest.raises(ValueError, match="was prepared with crop person, not person, by joints: give the same, or"):
        prepare("ntu", tmp_path / "raw", tmp_path / "out", crop="person")


def test_a_changed_skeleton_moves_the_cut(wave: Recording, pair: Recording, tmp_path: Path) -> None:
    write_recording(tmp_path / "raw", wave)
    first = prepare("ntu", tmp_path / "raw", tmp_path / "out", crop="person")
    files = read_manifest(first.manifest).rows[0].files
    before = _read(files["rgb"], "rgb")
    write_recording(tmp_path / "other", pair)
    skeleton = tmp_path / "raw" / FOLDERS["skeleton"].format(WAVE)
    (tmp_path / "other" / FOLDERS["skeleton"].format(PAIR)).replace(skeleton)
    later = files["rgb"].path.stat().st_mtime + 1
    os.utime(skeleton, (later, later))
    prepare("ntu", tmp_path / "raw", tmp_path / "out", crop="person")
    assert not np.array_equal(_read(files["rgb"], "rgb"), before)


def test_real_recording_is_cut_to_the_person(recordings: Path, tmp_path: Path) -> None:
    sample = recordings / "ntu-sample"
    report = prepare("ntu", sample, tmp_path / "out", crop="person")
    row = read_manifest(report.manifest).rows[0]
    assert _read(row.files["rgb"], "rgb").shape == (103, 270, 270, 3)
    skeleton = sample / f"{row.sample}.skeleton"
    rgb = open_reader(sample / f"{row.sample}_rgb.avi", resolve("rgb"))
    box = CropSource(by_joints=True, skeleton=skeleton, spec=resolve("skeleton")).find(rgb, resolve("rgb"))
    points = read_joint_pixels(skeleton, num_persons=2, num_joints=25).color[:, 0].reshape(-1, 2)
    inside = (points >= (box.left, box.top)) & (points <= (box.left + box.side - 1, box.top + box.side - 1))
    assert inside.all()
    assert box.side < 500, "of 1920 × 1080"

"""Preparation: everything checked, nothing dropped in silence, resumable."""

import csv
import inspect
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.reading.readers import open_reader


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Four recordings in UTD-MHAD's names, of which a3 has a broken depth and a4 nothing but a broken skeleton."""
    root = tmp_path / "raw"
    root.mkdir()
    rng = np.random.default_rng(0)
    for action, trial in ((1, 1), (2, 1), (3, 1)):
        depth = np.zeros((24, 32, 6), np.uint16)
        depth[4:20, 10:20] = 2500
        savemat(root / f"a{action}_s1_t{trial}_depth.mat", {"d_depth": depth})
        savemat(root / f"a{action}_s1_t{trial}_skeleton.mat", {"d_skel": rng.normal(size=(20, 3, 6))})
        savemat(root / f"a{action}_s1_t{trial}_inertial.mat", {"d_iner": rng.normal(size=(15, 6))})
    (root / "a3_s1_t1_depth.mat").write_bytes(b"broken")
    savemat(root / "a4_s2_t1_skeleton.mat", {"d_skel": np.full((20, 3, 6), np.nan)})
    return root


def test_whole_files_are_kept_and_broken_ones_listed(raw: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = prepare(
        "utd_mhad", raw, tmp_path / "out", transcode=False, progress=lambda done, of: seen.append((done, of))
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert report.num_clips == 3
    assert report.num_files == {"depth": 2, "skeleton": 3, "inertial": 3}
    assert [(problem.sample, problem.modality) for problem in report.problems] == [
        ("a3_s1_t1", "depth"),
        ("a4_s2_t1", "skeleton"),
    ]
    with (tmp_path / "out" / "problems.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert "cannot be read as a MATLAB file" in listed[0]["reason"]
    assert "NaN or infinite values in frame 0" in listed[1]["reason"]
    manifest = read_manifest(report.manifest)
    assert manifest.classes == ("swipe left", "swipe right", "wave")
    assert manifest.rows[0].files["depth"].path.samefile(raw / "a1_s1_t1_depth.mat")
    assert "depth" not in manifest.rows[2].files


def test_person_crop_is_written_once(raw: Path, tmp_path: Path) -> None:
    report = prepare("utd_mhad", raw, tmp_path / "out", crop="person", workers=2)
    row = read_manifest(report.manifest).rows[0]
    assert row.files["depth"].path == tmp_path / "out" / "depth" / "a1_s1_t1.avi"
    from actionmae.core.modality import resolve

    frames = open_reader(row.files["depth"], resolve("depth")).read(range(6))
    assert frames.shape == (6, 20, 20, 1)
    assert (frames == 2500).sum() == 6 * 16 * 10
    written = row.files["depth"].path.stat().st_mtime_ns
    (tmp_path / "out" / "depth" / "a2_s1_t1.avi").unlink()
    again = prepare("utd_mhad", raw, tmp_path / "out", crop="person")
    assert row.files["depth"].path.stat().st_mtime_ns == written
    assert again.num_files == report.num_files
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_only_some_modalities(raw: Path, tmp_path: Path) -> None:
    report = prepare("utd_mhad", raw, tmp_path / "out", modalities=["inertial", "skeleton"])
    assert read_manifest(report.manifest).modalities == ("inertial", "skeleton")
    with pytest.raises(ValueError, match="no recording has modality 'ir': found are depth, skeleton, inertial"):
        prepare("utd_mhad", raw, tmp_path / "out", modalities=["ir"])


def test_impossible_requests_are_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers is 0: give at least 1"):
        prepare("utd_mhad", raw, tmp_path / "out", workers=0)
    with pytest.raises(ValueError, match="crop is 'body': choose none or person"):
        inspect.unwrap(prepare)("utd_mhad", raw, tmp_path / "out", crop="body")  # past the tests' own type check
    with pytest.raises(ValueError, match="short_side is 8: give at least 16 pixels"):
        prepare("utd_mhad", raw, tmp_path / "out", short_side=8)
    with pytest.raises(ValueError, match="shard is 3/2: give i/n with i in 1…n"):
        prepare("utd_mhad", raw, tmp_path / "out", shard=(3, 2))
    with pytest.raises(ValueError, match="has no name: give rgb"):
        prepare("utd_mhad", raw, tmp_path / "out", modalities=[{"num_frames": 8}])
    with pytest.raises(ValueError, match=r"unknown layout 'utd': known are ntu60, .*, folder, manifest"):
        prepare("utd", raw, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"layout folder below .*: a recording is named like <label>/<clip>/"):
        prepare("folder", tmp_path / "empty", tmp_path / "out")
    (tmp_path / "plain.py").write_text("CLASSES, PROTOCOLS = ('a',), {}\ndef index(root): return [], []")
    with pytest.raises(ValueError, match=r"plain\.py below .*: check the folder and the file names"):
        prepare(str(tmp_path / "plain.py"), tmp_path / "empty", tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"empty is a folder: give the CSV in it, or make one"):
        prepare("manifest", tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ValueError, match=r"layout utd_mhad below .*: a recording is named like a1_s1_t1_depth\.mat"):
        prepare("utd_mhad", tmp_path / "empty", tmp_path / "out")
    (tmp_path / "empty" / "a1_s1_t1_depth.mat").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"none of the 1 clips below .* can be read"):
        prepare("utd_mhad", tmp_path / "empty", tmp_path / "nothing")

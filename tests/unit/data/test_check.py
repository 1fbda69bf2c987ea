"""The check: every kind of fault is planted once and found."""

import json
from pathlib import Path

import numpy as np
import pytest

from actionmae.cli import main
from actionmae.data.check import check_manifest
from actionmae.data.manifest import ClipRow, write_manifest
from actionmae.data.video import write_color_video, write_depth_video


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for at in range(6):
        files = {"rgb": tmp_path / f"c{at}.avi", "depth": tmp_path / f"d{at}.avi"}
        write_color_video(files["rgb"], rng.integers(0, 255, (8, 24, 32, 3)).astype(np.uint8), 30.0)
        write_depth_video(files["depth"], rng.integers(500, 900, (8, 24, 32)).astype(np.uint16), 30.0)
        part = "train" if at < 4 else "test"
        rows.append(
            ClipRow(sample=f"clip{at}", label=("wave", "clap")[at % 2], subject=f"{at}", split=part, files=files)
        )
    write_manifest(tmp_path / "manifest.csv", rows, ["wave", "clap"])
    return tmp_path / "manifest.csv"


def test_a_sound_manifest_has_no_findings(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(manifest), "--workers", "2"]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out


def test_every_fault_is_found(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    cut = tmp_path / "c0.avi"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (tmp_path / "d1.avi").unlink()
    zeros = rng.integers(500, 900, (8, 24, 32)).astype(np.uint16)
    zeros[2:5] = 0
    write_depth_video(tmp_path / "d2.avi", zeros, 30.0)
    write_depth_video(tmp_path / "d3.avi", np.zeros_like(zeros), 30.0)
    write_color_video(tmp_path / "c4.avi", rng.integers(0, 255, (16, 24, 32, 3)).astype(np.uint8), 30.0)
    lines = manifest.read_text().splitlines()
    lines[6] = lines[6].replace("5,", "1,", 1) if ",5," not in lines[6] else lines[6].replace(",5,", ",1,")
    manifest.write_text("\n".join([*lines, "clip6,wave,7,,,train,,"]) + "\n")
    (tmp_path / "classes.txt").write_text("wave\nclap\nsit\n")
    report = check_manifest(manifest)
    found = {(each.level, each.kind, each.sample, each.modality) for each in report.findings}
    assert found == {
        ("error", "unreadable", "clip0", "rgb"),
        ("error", "unreadable", "clip1", "depth"),
        ("error", "flat_frames", "clip3", "depth"),
        ("error", "no_recording", "clip6", ""),
        ("error", "untrained_class", "", ""),
        ("warning", "flat_frames", "clip2", "depth"),
        ("warning", "durations", "clip4", ""),
        ("warning", "subject_in_both_splits", "", ""),
    }
    assert report.missing == {"rgb": 1, "depth": 1}
    assert main(["check", str(manifest), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["errors"] == 5
    text = report.to_text()
    assert "c0.avi is cut off after frame" in text
    assert "clip2 depth: 3 of 8 frames have one value everywhere" in text
    assert "clip4: its recordings differ in seconds (rgb 0.5333, depth 0.2667)" in text
    assert "class sit has no training clip" in text
    assert "subject 1 is in train and test" in text


def test_clocks_that_never_meet_are_an_error(manifest: Path) -> None:
    text = manifest.read_text().replace("c0.avi,d0.avi", "c0.avi@0s,d0.avi@9s")
    manifest.write_text(text)
    (finding,) = check_manifest(manifest).findings
    assert (finding.level, finding.kind, finding.sample) == ("error", "durations", "clip0")
    assert "depth begins at 8.983 s, after rgb ended" in finding.text


def test_what_is_no_manifest_is_bad_input(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "none.csv"]) == 2
    assert "manifest none.csv does not exist" in capsys.readouterr().err
    with pytest.raises(ValueError, match="workers is 0: give at least 1"):
        check_manifest(manifest, workers=0)
    with pytest.raises(ValueError, match="has no column 'ir'"):
        check_manifest(manifest, modalities=["ir"])

"""The check: every kind of fault is planted once and found."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from actionmae.cli import main
from actionmae.core.modality import resolve
from actionmae.data.cell import Cell
from actionmae.data.check.clip import ClipFiles, Length, read_clip
from actionmae.data.check.lengths import check_lengths
from actionmae.data.check.report import Finding
from actionmae.data.check.run import check_manifest
from actionmae.data.layouts import load_layout
from actionmae.data.manifest import write_manifest
from actionmae.data.prepare.video_writer import write_color_video, write_depth_video
from helpers.damage import punch_hole, write_dependent_frames
from helpers.rows import clip_row


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
            clip_row(sample=f"clip{at}", label=("wave", "clap")[at % 2], subject=f"{at}", split=part, files=files)
        )
    write_manifest(tmp_path / "manifest.csv", rows, ["wave", "clap"])
    return tmp_path / "manifest.csv"


def test_a_sound_manifest_has_no_findings(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(manifest), "--workers", "2"]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out


def test_a_hole_in_a_video_is_found(manifest: Path, tmp_path: Path) -> None:
    """FFmpeg passes over the zeros: frames are altered, and none of them is unreadable."""
    write_dependent_frames(tmp_path / "c0.avi")
    before = {finding.kind for finding in check_manifest(manifest).findings}
    punch_hole(tmp_path / "c0.avi", 1000)
    (found,) = (each for each in check_manifest(manifest).findings if each.kind not in before)
    assert (found.level, found.kind, found.sample, found.modality) == ("warning", "damaged", "clip0", "rgb")
    assert "clip0 rgb: FFmpeg reports" in found.text
    assert found.text.endswith("some frames are altered or left out")


def test_every_fault_is_found(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    cut = tmp_path / "c0.avi"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (tmp_path / "d1.avi").write_bytes(b"")
    zeros = rng.integers(500, 900, (8, 24, 32)).astype(np.uint16)
    zeros[2:5] = 0
    write_depth_video(tmp_path / "d2.avi", zeros, 30.0)
    write_depth_video(tmp_path / "d3.avi", np.zeros_like(zeros), 30.0)
    write_color_video(tmp_path / "c4.avi", rng.integers(0, 255, (16, 24, 32, 3)).astype(np.uint8), 30.0)
    lines = manifest.read_text().splitlines()
    lines[6] = lines[6].replace("clip5,clap,5,", "clip5,Clap,1,").replace("d5.avi", "d2.avi")
    manifest.write_text("\n".join([*lines, "clip6,wave,7,,,train,,"]) + "\n")
    (tmp_path / "classes.txt").write_text("wave\nclap\nClap\n")
    report = check_manifest(manifest)
    found = {(each.level, each.kind, each.sample, each.modality) for each in report.findings}
    assert found == {
        ("error", "unreadable", "clip0", "rgb"),
        ("error", "unreadable", "clip1", "depth"),
        ("error", "flat_frames", "clip3", "depth"),
        ("error", "no_recording", "clip6", ""),
        ("error", "untrained_class", "", ""),
        ("error", "repeated_recording", "clip5", "depth"),
        ("warning", "flat_frames", "clip2", "depth"),
        ("warning", "flat_frames", "clip5", "depth"),
        ("warning", "durations", "clip4", ""),
        ("warning", "subject_in_both_splits", "", ""),
        ("warning", "similar_classes", "", ""),
    }
    assert report.missing == {"rgb": 1, "depth": 1}
    assert main(["check", str(manifest), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert (printed["errors"], printed["warnings"], printed["missing"]) == (6, 5, report.missing)
    text = report.to_text()
    assert "c0.avi is cut off after frame" in text
    assert "clip2 depth: 3 of 8 frames have one value everywhere" in text
    assert "clip4: depth (8 frames, 0.2667 s) is 2 times shorter beside rgb (16 frames, 0.5333 s) than usual" in text
    assert "class Clap has no training clip" in text
    assert "clap and Clap are 2 classes" in text
    assert "subject 1 is in train and test" in text
    assert "clip2 and clip5 have one depth recording, d2.avi" in text
    assert "error: no recording, once" in text
    assert text.endswith("6 errors, 5 warnings")
    one = [each for each in report.findings if each.kind == "no_recording"]
    assert dataclasses.replace(report, findings=tuple(one)).to_text().endswith("1 error, 0 warnings")


def test_half_filled_columns_are_found_and_empty_ones_are_not(manifest: Path) -> None:
    sound = manifest.read_text()
    manifest.write_text(sound.replace("clip1,clap,", "clip1,,").replace("clip2,wave,2,,,train", "clip2,wave,2,,,"))
    found = {(each.level, each.kind): each.text for each in check_manifest(manifest).findings}
    assert found == {
        ("error", "no_label"): "clip1 has no label, but others have: write its class name, or remove the row",
        ("error", "no_split"): "clip2 has no split, but others have: write train, val or test, or remove the row",
    }
    manifest.write_text(sound.replace(",train,", ",test,"))  # a trained model is tested on them
    assert check_manifest(manifest).findings == ()


def test_clips_without_any_split_need_a_protocol(manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace(",train,", ",,").replace(",test,", ",,"))
    (finding,) = check_manifest(manifest).findings
    assert (finding.level, finding.kind, finding.sample) == ("warning", "no_split", "")
    assert finding.text == "no clip has a split: write train, val or test into the column, or name a protocol"
    assert main(["check", str(manifest)]) == 0
    manifest.write_text(manifest.read_text().replace(",wave,", ",,").replace(",clap,", ",,"))
    assert check_manifest(manifest).findings == (), "without labels they are for predicting"


def test_a_modality_without_training_clips_is_found(manifest: Path) -> None:
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(line.rpartition(",")[0] + "," if ",train," in line else line for line in lines))
    (finding,) = check_manifest(manifest).findings
    assert (finding.level, finding.kind, finding.modality) == ("warning", "untrained_modality", "depth")
    assert finding.text == "no training clip has depth: fill its cells, or choose modalities without it"


def test_covered_cameras_are_flat_and_resting_flow_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    dark = rng.integers(0, 3, (6, 24, 32)).astype(np.uint8)
    still = np.full((6, 24, 32, 2), 128, np.uint8)
    still[3, 5:9, 5:9] = 140
    facts = {}
    for name, array in {"ir": dark, "flow": still, "inertial": np.ones((40, 6))}.items():
        np.save(tmp_path / f"{name}.npy", array)
        files = {name: Cell(tmp_path / f"{name}.npy")}
        facts[name] = read_clip(ClipFiles(sample="a", files=files, specs={name: resolve(name)})).flat
    assert facts == {"ir": {"ir": (6, 6)}, "flow": {}, "inertial": {"inertial": (40, 40)}}


def _lengths(count: int, **lengths: tuple[int, float | None]) -> dict[str, dict[str, Length]]:
    return {f"clip{at}": {name: Length(*length) for name, length in lengths.items()} for at in range(count)}


def test_sensors_of_other_rates_agree() -> None:
    """Video of 2 s, signal of 2 s, images of unknown fps, and one more frame here and there."""
    clips = _lengths(8, rgb=(60, 2.0), inertial=(100, 2.0), depth=(31, None), ir=(90, None))
    clips["clip3"] = _lengths(1, rgb=(66, 2.2), inertial=(101, 2.02), depth=(30, None))["clip0"]
    assert list(check_lengths(clips)) == []


def test_lost_frames_are_found_without_fps() -> None:
    clips = _lengths(5, rgb=(60, 2.0), depth=(30, None)) | {"cut": _lengths(1, rgb=(60, 2.0), depth=(7, None))["clip0"]}
    (finding,) = check_lengths(clips)
    assert (finding.level, finding.kind, finding.sample) == ("warning", "durations", "cut")
    assert "cut: depth (7 frames) is 4.3 times shorter beside rgb (60 frames, 2 s) than usual" in finding.text


def test_a_rate_that_disagrees_everywhere_is_said_once() -> None:
    seconds = {"rgb": (60, 2.0), "inertial": (100, 2.0), "ir": (60, 60 / 35), "skeleton": (60, 2.0)}
    (finding,) = check_lengths(_lengths(5, **seconds))
    assert (finding.level, finding.kind, finding.sample, finding.modality) == ("warning", "fps", "", "ir")
    assert (
        "by its frames per second ir usually lasts 0.86 times as long as rgb, 0.86 times as long as inertial"
        in finding.text
    )


def test_two_clips_are_judged_by_their_fps() -> None:
    clips = _lengths(1, rgb=(60, 2.0), ir=(60, 60 / 35), depth=(9, None))
    (finding,) = check_lengths(clips)
    assert "clip0: ir (60 frames, 1.714 s) is 1.2 times shorter than rgb (60 frames, 2 s)" in finding.text


def _with_cells(manifest: Path, color: str, depth: str) -> list[Finding]:
    manifest.write_text(manifest.read_text().replace("c0.avi,d0.avi", f"c0.avi{color},d0.avi{depth}"))
    return list(check_manifest(manifest).findings)


def test_clocks_that_never_meet_are_an_error(manifest: Path) -> None:
    (finding,) = _with_cells(manifest, "@0s", "@9s")
    assert (finding.level, finding.kind, finding.sample) == ("error", "clocks", "clip0")
    assert "depth begins at 8.983 s, after rgb ended" in finding.text


def test_clocks_that_hardly_meet_are_a_warning(manifest: Path) -> None:
    (finding,) = _with_cells(manifest, "@0s", "@0.2s")
    assert (finding.level, finding.kind, finding.sample) == ("warning", "clocks", "clip0")
    assert finding.text.endswith(
        "its recordings show different times (rgb -0.02–0.25 s, depth 0.18–0.45 s): write one into their cells, as "
        "#0.18s-0.25s"
    )


def test_a_recording_that_lacks_some_of_the_time_is_a_warning(manifest: Path) -> None:
    (finding,) = _with_cells(manifest, "#0s-0.25s@0s", "#0s-0.25s@0.1s")
    assert (finding.level, finding.kind) == ("warning", "clocks")
    assert finding.text == "clip0: depth has frames from 0.08 to 0.25 s only of the clip's 0.00–0.25 s"


def test_a_recording_without_clock_lasts_as_long_as_the_clocks(manifest: Path) -> None:
    (finding,) = _with_cells(manifest, "", "@0s+120fps")
    assert (finding.level, finding.kind, finding.sample) == ("warning", "durations", "clip0")
    assert "clocks (8 frames, 0.06667 s) is 4 times shorter than rgb (8 frames, 0.2667 s)" in finding.text


def test_modalities_may_be_chosen_and_changed(manifest: Path) -> None:
    given = [{"name": "rgb", "value": "gray", "shape": [1, 16, 16]}]
    report = check_manifest(manifest, modalities=given)
    assert (report.missing, report.findings) == ({"rgb": 0}, ())


def test_real_recordings_raise_no_alarm(recordings: Path, tmp_path: Path) -> None:
    """UTD-MHAD's inertial sensor runs on 1.6 times as long as its skeletons' fps say, in every clip."""
    layout = load_layout("utd_mhad")
    rows, _ = layout.index(recordings / "utd-mhad")
    write_manifest(tmp_path / "manifest.csv", rows[3:200:9], layout.classes)
    report = check_manifest(tmp_path / "manifest.csv", modalities=list(layout.specs.values()))
    found = [(each.level, each.kind, each.modality) for each in report.findings]
    assert found == [("warning", "fps", "skeleton"), ("warning", "no_split", "")]
    assert report.missing == {"depth": 0, "skeleton": 0, "inertial": 0}


def test_what_is_no_manifest_is_bad_input(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "none.csv"]) == 2
    assert "manifest none.csv does not exist" in capsys.readouterr().err
    with pytest.raises(ValueError, match="workers is 0: give at least 1"):
        check_manifest(manifest, workers=0)
    with pytest.raises(ValueError, match="has no column 'ir'"):
        check_manifest(manifest, modalities=["ir"])
    with pytest.raises(ValueError, match="has no name: give rgb"):
        check_manifest(manifest, modalities=[{"letter": "X"}])

"""Transcoding: small standard files, bit-exact depth, own folders and manifests, flow, shards, kill and resume."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionmae.cli import main
from actionmae.core.modality import resolve
from actionmae.data.cell import Cell
from actionmae.data.check.run import check_manifest
from actionmae.data.manifest import read_manifest, write_manifest
from actionmae.data.prepare.journal import Journal
from actionmae.data.prepare.run import prepare
from actionmae.data.prepare.video_writer import VideoWriter, write_color_video, write_gray_video
from actionmae.data.reading.alignment import time_span
from actionmae.data.reading.readers import frames_of, open_reader
from actionmae.data.reading.video import VideoReader
from helpers.rows import clip_row

FRAMES = 6


def write_clips(root: Path, count: int = 4, size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """`<label>/<clip>/` with rgb.mkv, a depth folder of PNGs and ir.avi; returns the first clip's depth."""
    rng = np.random.default_rng(0)
    depths = []
    for at in range(count):
        clip = root / ("wave", "clap")[at % 2] / f"take{at}"
        color = cv2.GaussianBlur(
            rng.integers(0, 255, (FRAMES, *size, 3)).astype(np.uint8).reshape(-1, size[1], 3), (9, 9), 3
        )
        write_color_video(clip / "rgb.mkv", color.reshape(FRAMES, *size, 3), 30.0)
        write_gray_video(clip / "ir.avi", rng.integers(0, 255, (FRAMES, 24, 32)).astype(np.uint8), 30.0)
        depth = rng.integers(0, 9000, (FRAMES, 25, 33)).astype(np.uint16)
        depths.append(depth)
        (clip / "depth").mkdir()
        for index, image in enumerate(depth):
            cv2.imwrite(str(clip / "depth" / f"{index}.png"), image)
    return depths[1]  # clap/take1 comes first


def test_own_folders_become_small_files_with_random_access(tmp_path: Path) -> None:
    depth = write_clips(tmp_path / "raw")
    report = prepare("folder", tmp_path / "raw", tmp_path / "out", short_side=32, flow=True)
    assert report.num_files == {"rgb": 4, "depth": 4, "ir": 4, "flow": 4}
    manifest = read_manifest(report.manifest)
    assert manifest.classes == ("clap", "wave")
    row = manifest.rows[0]
    assert (row.sample, row.label) == ("clap_take1", "clap")
    rgb = VideoReader(row.files["rgb"].path, "color")
    assert (rgb.size, rgb.num_frames, rgb.fps, rgb.direct) == ((32, 48), FRAMES, 30.0, True)
    prepared = open_reader(row.files["depth"], resolve("depth"))
    assert isinstance(prepared, VideoReader)
    assert prepared.direct
    np.testing.assert_array_equal(prepared.read([0, 3, 5])[..., 0], depth[[0, 3, 5]])
    np.testing.assert_array_equal(np.stack(list(frames_of(prepared)))[..., 0], depth)
    assert row.files["ir"].path.samefile(tmp_path / "raw" / "clap" / "take1" / "ir.avi"), "it is in this form already"
    assert VideoReader(row.files["flow"].path, "flow").read([5]).shape == (1, 32, 48, 2)
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_only_what_is_missing_is_done_again_and_other_settings_are_refused(tmp_path: Path) -> None:
    write_clips(tmp_path / "raw")
    first = prepare("folder", tmp_path / "raw", tmp_path / "out", short_side=32)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.avi")}
    gone = read_manifest(first.manifest).rows[2].files["rgb"].path
    gone.unlink()
    assert prepare("folder", tmp_path / "raw", tmp_path / "out", short_side=32).num_files == first.num_files
    assert [path for path, moment in files.items() if path.stat().st_mtime_ns != moment] == [gone]
    with pytest.raises(ValueError, match="was prepared with short_side 32, not 48: give the same, or another out"):
        prepare("folder", tmp_path / "raw", tmp_path / "out", short_side=48)


def test_shards_merge_into_one_manifest(tmp_path: Path) -> None:
    write_clips(tmp_path / "raw", count=5)
    (tmp_path / "raw" / "wave" / "take2" / "rgb.mkv").write_bytes(b"broken")
    counts = [prepare("folder", tmp_path / "raw", tmp_path / "out", shard=(at, 2)).num_clips for at in (1, 2)]
    assert counts == [3, 2]
    assert not (tmp_path / "out" / "manifest.csv").exists()
    seen = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.avi")}
    merged = prepare("folder", tmp_path / "raw", tmp_path / "out")
    alone = prepare("folder", tmp_path / "raw", tmp_path / "alone")
    assert {path: path.stat().st_mtime_ns for path in seen} == seen
    assert merged.num_files == alone.num_files == {"rgb": 4, "depth": 5, "ir": 5}
    assert merged.problems == alone.problems
    assert "cannot be opened as a video" in (tmp_path / "out" / "problems.csv").read_text()
    for name in ("manifest.csv", "classes.txt"):
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "alone" / name).read_text()


def test_after_sigkill_it_goes_on_where_it_was(tmp_path: Path) -> None:
    write_clips(tmp_path / "raw", count=12, size=(240, 320))
    call = "prepare('folder', *sys.argv[1:], short_side=120, workers=2)"
    code = f"import sys; from actionmae.data.prepare.run import prepare; {call}"
    command = [sys.executable, "-c", code, str(tmp_path / "raw"), str(tmp_path / "out")]
    running = subprocess.Popen(command, start_new_session=True)
    while len(list((tmp_path / "out").rglob("rgb/*.avi"))) < 3 and running.poll() is None:
        time.sleep(0.005)
    os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL, "it had finished before"
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.avi")}
    assert 0 < len(list((tmp_path / "out").rglob("rgb/*.avi"))) < 12
    prepare("folder", tmp_path / "raw", tmp_path / "out", short_side=120)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    prepare("folder", tmp_path / "raw", tmp_path / "alone", short_side=120)
    assert _content(tmp_path / "out") == _content(tmp_path / "alone")


def _content(folder: Path) -> dict[str, bytes]:
    """All files but the journal."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "progress"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_shard_is_written_i_of_n(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clips(tmp_path / "raw", count=2)
    words = ["prepare", "folder", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]
    assert main([*words, "--shard", "2/"]) == 2
    assert "shard is '2/': give i/n, as in 3/16" in capsys.readouterr().err
    assert main([*words, "--shard", "2/2"]) == 0
    assert "shard 2/2 (when all are done, run once more without --shard): 1 clips" in capsys.readouterr().out
    assert main(words) == 0
    assert "manifest.csv: 2 clips (rgb 2" in capsys.readouterr().out.replace("2 rgb", "rgb 2")


def test_a_torn_line_of_the_journal_costs_one_clip(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "progress", (1, 1))
    journal.add("a", {"rgb": Cell(tmp_path / "a.avi")}, {})
    journal.close()
    path = tmp_path / "progress" / "1-of-1.jsonl"
    path.write_text(path.read_text() + json.dumps({"sample": "b", "files": {}})[:-4])
    journal = Journal(tmp_path / "progress", (1, 1))
    noted = journal.find("a")
    assert noted is not None
    assert noted.files == {"rgb": Cell(tmp_path / "a.avi")}
    assert journal.find("b") is None
    journal.add("c", {}, {})
    journal.close()
    with Journal(tmp_path / "progress", (2, 3)) as journal:
        assert journal.find("c") is not None


def test_an_excerpt_of_a_manifest_keeps_its_times(tmp_path: Path) -> None:
    color = np.zeros((20, 40, 60, 3), np.uint8) + np.arange(20, dtype=np.uint8)[:, None, None, None] * 10
    write_color_video(tmp_path / "long.mkv", color, 10.0)
    row = clip_row(sample="a", label="wave", files={"rgb": tmp_path / "long.mkv#5-9@2s"})
    write_manifest(tmp_path / "raw.csv", [row], ["wave"])
    report = prepare("manifest", tmp_path / "raw.csv", tmp_path / "out", flow=True)
    files = read_manifest(report.manifest).rows[0].files
    for name in ("rgb", "flow"):
        reader = open_reader(files[name], resolve(name))
        np.testing.assert_allclose(reader.times, [2.5, 2.6, 2.7, 2.8, 2.9])
    np.testing.assert_allclose(open_reader(files["rgb"], resolve("rgb")).read([0, 4])[:, 0, 0, 0], [50, 90], atol=4)
    with pytest.raises(ValueError, match=r"long.mkv#5-30 asks for more than its 20 frames: choose from 0–19"):
        open_reader(tmp_path / "long.mkv#5-30", resolve("rgb"))


def test_an_excerpt_by_time_lasts_as_long_as_its_cell_says(tmp_path: Path) -> None:
    """Prepared or not, its frames lie at the same positions of the clip."""
    color = np.zeros((20, 40, 60, 3), np.uint8) + np.arange(20, dtype=np.uint8)[:, None, None, None] * 10
    write_color_video(tmp_path / "long.mkv", color, 10.0)
    row = clip_row(sample="a", label="wave", files={"rgb": tmp_path / "long.mkv#2.45s-3.2s@2s"})
    write_manifest(tmp_path / "raw.csv", [row], ["wave"])
    report = prepare("manifest", tmp_path / "raw.csv", tmp_path / "out", flow=True)
    files = read_manifest(report.manifest).rows[0].files
    assert [cell.name for cell in files.values()] == ["a.avi#2.45s-3.2s@a.txt"] * 2
    for name in ("rgb", "flow"):
        reader = open_reader(files[name], resolve(name))
        np.testing.assert_allclose(reader.times, [2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.1])
        assert time_span(reader) == (2.45, 3.2)


def test_flow_shows_the_motion(tmp_path: Path) -> None:
    texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (120, 200, 3)).astype(np.uint8), (0, 0), 3)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    # 3 pixels to the right and 2 up
    moving = np.stack([texture[20 + 2 * at : 100 + 2 * at, 60 - 3 * at : 160 - 3 * at] for at in range(5)])
    write_color_video(tmp_path / "raw" / "go" / "a" / "rgb.avi", moving, 30.0)
    report = prepare("folder", tmp_path / "raw", tmp_path / "out", flow=True)
    read = open_reader(read_manifest(report.manifest).rows[0].files["flow"], resolve("flow")).read(range(5))
    pixels = (read[:, 20:-20, 20:-20].astype(float) - 128) / (127 / 20)
    np.testing.assert_allclose(np.median(pixels, axis=(0, 1, 2)), [3, -2], atol=0.2)


@pytest.mark.parametrize("size", [(2, 2), (10, 64), (24, 64)])
def test_flow_of_images_that_are_too_small_is_a_problem(tmp_path: Path, size: tuple[int, int]) -> None:
    """Of low and wide ones OpenCV would end the process."""
    for name, shape in {"small": size, "large": (32, 64), "narrow": (16, 32)}.items():
        write_color_video(tmp_path / "raw" / "go" / name / "rgb.mkv", np.full((3, *shape, 3), 90, np.uint8), 30.0)
    report = prepare("folder", tmp_path / "raw", tmp_path / "out", flow=True)
    assert report.num_files == {"rgb": 3, "flow": 2}
    (problem,) = report.problems
    assert (problem.sample, problem.modality) == ("go_small", "flow")
    assert problem.reason == (
        f"images of {size[1]} × {size[0]} pixels are too small for optical flow: give at least 12 × 12, from 40 "
        "columns on at least 32 rows, or leave flow out"
    )


def test_writer_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    def write() -> None:
        with VideoWriter(tmp_path / "a.avi", "gray", 30.0) as writer:
            writer.write(np.zeros((16, 16), np.uint8))
            writer.write(np.zeros((8, 16), np.uint8))

    with pytest.raises(ValueError, match=r"has size \(8, 16\), the first \(16, 16\): give one size"):
        write()
    assert not list(tmp_path.iterdir())


def test_strange_folders_are_listed(tmp_path: Path) -> None:
    write_clips(tmp_path / "raw", count=2)
    (tmp_path / "raw" / "wave" / "empty").mkdir()
    (tmp_path / "raw" / "wave" / "take0" / "ir.mkv").write_bytes(b"x")
    report = prepare("folder", tmp_path / "raw", tmp_path / "out", modalities=["ir"])
    reasons = " ".join(problem.reason for problem in report.problems)
    assert "take0 has several recordings named ir (ir.avi, ir.mkv): keep one" in reasons
    assert "empty holds no recording of ir: name the files like modalities" in reasons
    assert report.num_clips == 1
    with pytest.raises(FileNotFoundError, match="is no folder: give the folder that holds <label>/<clip>/"):
        prepare("folder", tmp_path / "none", tmp_path / "other")


def test_samples_in_folders_keep_their_own_files(tmp_path: Path) -> None:
    rows = []
    for level, sample in ((40, "walk/1"), (90, "walk_1")):
        file = tmp_path / f"{level}.avi"
        write_color_video(file, np.full((2, 64, 64, 3), level, np.uint8), 30.0)
        rows.append(clip_row(sample=sample, label="walk", files={"rgb": file}))
    write_manifest(tmp_path / "raw.csv", rows, ["walk"])
    report = prepare("manifest", tmp_path / "raw.csv", tmp_path / "out", short_side=32)
    for row, level in zip(read_manifest(report.manifest).rows, (40, 90), strict=True):
        assert abs(int(open_reader(row.files["rgb"], resolve("rgb")).read([0])[0, 5, 5, 0]) - level) < 4
    write_manifest(tmp_path / "raw.csv", [dataclasses.replace(rows[0], sample="../walk")], ["walk"])
    with pytest.raises(ValueError, match=r"sample '\.\./walk' would be written outside of .*: name it without"):
        prepare("manifest", tmp_path / "raw.csv", tmp_path / "out", short_side=32)


def test_images_without_a_rate_last_as_long_as_the_video_beside_them(tmp_path: Path) -> None:
    for clip, video in (("a", True), ("b", False)):
        folder = tmp_path / "raw" / "walk" / clip
        (folder / "depth").mkdir(parents=True)
        for at in range(8):
            image = np.random.default_rng(at).integers(500, 900, (32, 32)).astype(np.uint16)
            cv2.imwrite(str(folder / "depth" / f"{at}.png"), image)
        if video:
            frames = np.random.default_rng(0).integers(0, 255, (16, 32, 32, 3)).astype(np.uint8)
            write_color_video(folder / "rgb.avi", frames, 10.0)
    report = prepare("folder", tmp_path / "raw", tmp_path / "out")
    fps = [open_reader(row.files["depth"], resolve("depth")).fps for row in read_manifest(report.manifest).rows]
    assert fps == [5.0, 30.0]
    assert not [each for each in check_manifest(report.manifest).findings if each.kind == "fps"]

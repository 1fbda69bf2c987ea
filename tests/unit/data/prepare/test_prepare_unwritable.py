"""What cannot be written: a disk that is full in mid-work, and names that a manifest cannot hold."""

import csv
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actionmae.data.prepare.journal import Journal
from actionmae.data.prepare.run import prepare
from actionmae.data.prepare.video_writer import VideoWriter, write_color_video, write_depth_video


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Three clips of four frames."""
    for at in range(3):
        frames = np.full((4, 32, 48, 3), 50 * at, np.uint8)
        write_color_video(tmp_path / "raw" / "wave" / f"take{at}" / "rgb.mkv", frames, 30.0)
    return tmp_path / "raw"


@pytest.fixture
def full_after_six_frames(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A disk with room for six frames."""
    write, written = VideoWriter.write, []

    def limited(self: VideoWriter, frame: Any) -> None:
        written.append(frame)
        if len(written) > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, frame)

    with monkeypatch.context() as patch:
        patch.setattr(VideoWriter, "write", limited)
        yield patch


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_ends_the_work_and_the_next_call_goes_on(
    raw: Path, tmp_path: Path, full_after_six_frames: pytest.MonkeyPatch, workers: int
) -> None:
    with pytest.raises(ValueError, match=r"nothing more can be written into .*out \(No space left on device\): make"):
        prepare("folder", raw, tmp_path / "out", workers=workers)
    assert not (tmp_path / "out" / "manifest.csv").exists(), "the clips are not broken"
    assert not list(tmp_path.rglob("*.tmp"))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "rgb").iterdir()}
    assert len(kept) in ([1] if workers == 1 else [1, 2])
    full_after_six_frames.undo()
    report = prepare("folder", raw, tmp_path / "out")
    assert (report.num_clips, report.problems) == (3, ())
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_disk_that_is_full_when_a_clip_is_noted(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(Journal, "add", full)
    with pytest.raises(ValueError, match=r"nothing more can be written into .*quota exceeded\): make room"):
        prepare("folder", raw, tmp_path / "out")


@pytest.mark.parametrize("where", ["prepare.json", "rgb"])
def test_a_folder_that_may_not_be_written_into(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    if where == "rgb":
        (tmp_path / "out" / "progress").mkdir(parents=True)
        (tmp_path / "out" / "progress" / "1-of-1.jsonl").touch()
        (tmp_path / "out" / "rgb").mkdir()
        monkeypatch.setattr(VideoWriter, "__enter__", denied)
        monkeypatch.setattr("os.access", lambda path, _: Path(path).name != "rgb")
    else:
        monkeypatch.setattr("actionmae.data.prepare.run.require_settings", denied)
    with pytest.raises(ValueError, match=r"nothing more can be written into .*out \(Permission denied\): make room"):
        prepare("folder", raw, tmp_path / "out")


def test_a_recording_that_may_not_be_read_is_listed(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    np.save(raw / "wave" / "take1" / "inertial.npy", np.zeros((9, 6)))
    monkeypatch.setattr(np, "load", denied)
    report = prepare("folder", raw, tmp_path / "out")
    assert [(each.sample, each.modality) for each in report.problems] == [("wave_take1", "inertial")]


def test_a_video_that_cannot_be_ended_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path, noise = tmp_path / "d.avi", np.random.default_rng(0).integers(0, 4000, (2, 64, 64)).astype(np.uint16)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # FFmpeg writes its buffer when the file is closed
    try:
        with pytest.raises(OSError, match="too large"):
            write_depth_video(path, noise, 30.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_names_that_are_not_utf8_are_listed(raw: Path, tmp_path: Path) -> None:
    strange = os.fsdecode(os.fsencode(raw / "wave" / "caf") + b"\xe9")
    try:
        (raw / "wave" / "take1").rename(strange)
    except OSError:
        pytest.skip("this file system refuses such names")
    report = prepare("folder", raw, tmp_path / "out")
    assert report.num_clips == 2
    with (tmp_path / "out" / "problems.csv").open(encoding="utf-8") as file:
        ((sample, _, reason),) = list(csv.reader(file))[1:]
    assert sample == r"wave_caf\udce9"
    assert "the name of a file or folder of the clip is not UTF-8: rename it" in reason
    for at in (0, 2):
        shutil.rmtree(raw / "wave" / f"take{at}")
    with pytest.raises(ValueError, match=r"none of the .* clips below .* can be read: the name of a file"):
        prepare("folder", raw, tmp_path / "none")

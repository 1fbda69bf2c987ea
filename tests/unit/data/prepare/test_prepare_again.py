"""A second call into the same folder: what is done again, what is refused, who may work at the same time."""

import csv
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.cell import Cell
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.journal import Journal
from actionmae.data.prepare.out_folder import Settings, require_settings
from actionmae.data.prepare.run import PrepareReport, prepare
from actionmae.data.prepare.video_writer import write_color_video, write_gray_video
from actionmae.data.reading.readers import open_reader
from helpers.damage import punch_hole, write_dependent_frames


def _write(folder: Path, level: int, *, size: tuple[int, int] = (64, 96), name: str = "rgb.mkv") -> Path:
    path = folder / name
    if name.startswith("ir"):
        write_gray_video(path, np.full((4, *size), level, np.uint8), 30.0)
    else:
        write_color_video(path, np.full((4, *size, 3), level, np.uint8), 30.0)
    return path


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Three clips of gray images: rgb.mkv, which becomes another file, and ir.avi, which stays where it is."""
    for at in range(3):
        _write(tmp_path / "raw" / "wave" / f"take{at}", 50 + 50 * at)
        _write(tmp_path / "raw" / "wave" / f"take{at}", 60, name="ir.avi")
    return tmp_path / "raw"


def _prepare(raw: Path, out: Path, **arguments: Any) -> PrepareReport:
    return prepare("folder", raw, out, short_side=32, **arguments)


def _level(cell: Cell, name: str = "rgb") -> float:
    return float(open_reader(cell, resolve(name)).read([0, 3]).mean())


def _later(path: Path, than: Path, seconds: float = 1.0) -> None:
    moment = than.stat().st_mtime + seconds
    os.utime(path, (moment, moment))


def test_a_changed_recording_is_prepared_again(raw: Path, tmp_path: Path) -> None:
    first = _prepare(raw, tmp_path / "out", flow=True)
    files = [row.files for row in read_manifest(first.manifest).rows]
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.avi")}
    assert _level(files[1]["rgb"]) == pytest.approx(100, abs=3)
    changed = _write(raw / "wave" / "take1", 200)
    _later(changed, files[1]["rgb"].path, 0.001)
    _prepare(raw, tmp_path / "out", flow=True)
    assert _level(files[1]["rgb"]) == pytest.approx(200, abs=3)
    assert {path for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp} == {
        files[1]["rgb"].path,
        files[1]["flow"].path,
    }


def test_a_recording_that_breaks_later_is_listed(raw: Path, tmp_path: Path) -> None:
    first = _prepare(raw, tmp_path / "out")
    assert first.problems == ()
    kept = raw / "wave" / "take2" / "ir.avi"
    kept.write_bytes(b"broken")
    _later(kept, first.manifest)
    again = _prepare(raw, tmp_path / "out")
    assert [(problem.sample, problem.modality) for problem in again.problems] == [("wave_take2", "ir")]


def test_what_was_written_into_the_manifest_stays(raw: Path, tmp_path: Path) -> None:
    manifest = _prepare(raw, tmp_path / "out").manifest
    manifest.write_text(manifest.read_text().replace("wave_take1,wave,,,,,", "wave_take1,wave,anna,,,test,"))
    _write(raw / "wave" / "take1", 200)
    shutil.copytree(raw / "wave" / "take1", raw / "wave" / "take9")
    _prepare(raw, tmp_path / "out")
    facts = {row.sample: (row.subject, row.split) for row in read_manifest(manifest).rows}
    assert facts == {f"wave_take{at}": ("anna", "test") if at == 1 else ("", "") for at in (0, 1, 2, 9)}


def test_a_recording_that_is_unpacked_again_stays_prepared(raw: Path, tmp_path: Path) -> None:
    video = raw / "wave" / "take0" / "rgb.mkv"
    os.utime(video, (1e9, 1e9))
    first = _prepare(raw, tmp_path / "out")
    files = read_manifest(first.manifest).rows[0].files
    shutil.copy2(video, tmp_path / "packed")
    video.unlink()
    shutil.copy2(tmp_path / "packed", video)  # an archive keeps its times
    stamp = files["rgb"].path.stat().st_mtime_ns
    _prepare(raw, tmp_path / "out")
    assert files["rgb"].path.stat().st_mtime_ns == stamp


def test_another_root_does_not_mix_into_the_folder(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _prepare(raw, tmp_path / "out")
    shutil.copytree(raw, tmp_path / "copy")
    with pytest.raises(ValueError, match=r"was prepared with root .*raw, not .*copy: give the same, or another out"):
        _prepare(tmp_path / "copy", tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert _prepare(Path("raw"), Path("out")).num_clips == 3, "the same folder by another name"


@pytest.mark.parametrize("change", [{"crop": "person"}, {"transcode": False}, {"short_side": 48}])
def test_other_settings_are_refused(raw: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    clip = raw / "wave" / "take0"
    np.save(clip / "depth.npy", np.pad(np.full((4, 8, 8), 2000, np.uint16), ((0, 0), (8, 8), (8, 8))))
    _prepare(raw, tmp_path / "out")
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=f"was prepared with {name} .*, not {value}: give the same, or another out"):
        prepare("folder", raw, tmp_path / "out", **{"short_side": 32, **change})


def test_modalities_and_flow_may_come_later(raw: Path, tmp_path: Path) -> None:
    _prepare(raw, tmp_path / "out", modalities=["rgb"])
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.avi")}
    report = _prepare(raw, tmp_path / "out", flow=True)
    assert report.num_files == {"rgb": 3, "ir": 3, "flow": 3}
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


GRAY = {"name": "depth", "value": "gray"}


def test_a_changed_modality_is_remembered(raw: Path, tmp_path: Path) -> None:
    """8-bit depth is gray to its readers; who prepares again or trains need not say so again."""
    for clip in (raw / "wave").iterdir():
        (clip / "ir.avi").rename(clip / "depth.avi")
    thermal = {"name": "thermal", "letter": "T", "kind": "signal", "shape": [1, 4], "value": "raw", "encoder": "signal"}
    np.save(raw / "wave" / "take0" / "thermal.npy", np.zeros((9, 1)))
    assert _prepare(raw, tmp_path / "out", modalities=["rgb", GRAY]).num_files == {"rgb": 3, "depth": 3}
    assert _prepare(raw, tmp_path / "out", modalities=["rgb", "depth", thermal]).num_files["thermal"] == 1
    report = _prepare(raw, tmp_path / "out")
    assert (report.num_files, report.problems) == ({"rgb": 3, "depth": 3, "thermal": 1}, ())
    specs = read_manifest(report.manifest).specs
    assert specs == {"rgb": resolve("rgb"), "depth": resolve(GRAY), "thermal": resolve(thermal)}
    again = prepare("manifest", report.manifest, tmp_path / "second", short_side=32)
    assert read_manifest(again.manifest).specs == specs


def test_a_modality_whose_numbers_meant_something_else_is_refused(raw: Path, tmp_path: Path) -> None:
    _prepare(raw, tmp_path / "out")
    changed = {"name": "ir", "value_range": [0, 1000]}
    with pytest.raises(
        ValueError, match=r"was prepared with value_range None of ir, not \(0.0, 1000.0\): give the same"
    ):
        _prepare(raw, tmp_path / "out", modalities=["rgb", changed])
    with pytest.raises(ValueError, match=r"was prepared with value gray of ir, not color: give the same, or another"):
        _prepare(raw, tmp_path / "out", modalities=[{"name": "ir", "value": "color"}])


def test_clips_without_the_wanted_modalities_are_listed(raw: Path, tmp_path: Path) -> None:
    (raw / "wave" / "take1" / "ir.avi").unlink()
    root = tmp_path / "raw.csv"
    prepare("folder", raw, tmp_path, modalities=["rgb", "ir"], transcode=False)
    (tmp_path / "manifest.csv").rename(root)
    report = prepare("manifest", root, tmp_path / "out", modalities=["ir"])
    assert report.num_clips == 2
    with (tmp_path / "out" / "problems.csv").open() as file:
        assert [(row["sample"], row["reason"]) for row in csv.DictReader(file)] == [
            ("wave_take1", "the clip has no recording of ir: it is left out")
        ]


def test_a_broken_frame_of_a_file_that_stays_is_found(raw: Path, tmp_path: Path) -> None:
    video = raw / "wave" / "take0" / "ir.avi"
    content = video.read_bytes()
    starts = [at for at in range(len(content)) if content.startswith(b"\xff\xd8\xff", at)]
    assert len(starts) == 4
    video.write_bytes(content[: starts[2]] + bytes(starts[3] - starts[2] - 8) + content[starts[3] - 8 :])
    report = _prepare(raw, tmp_path / "out")
    assert [(problem.sample, problem.modality) for problem in report.problems] == [("wave_take0", "ir")]
    assert "frame 2" in report.problems[0].reason


def test_a_video_with_a_hole_is_told_until_it_is_copied_again(raw: Path, tmp_path: Path) -> None:
    video = raw / "wave" / "take0" / "rgb.mkv"
    write_dependent_frames(video.with_suffix(".avi"))
    video.with_suffix(".avi").rename(video)
    sound = punch_hole(video, 1000)
    for _ in range(2):
        report = _prepare(raw, tmp_path / "out")
        (problem,) = report.problems
        assert (problem.sample, problem.modality) == ("wave_take0", "rgb")
        assert "rgb.mkv is damaged (FFmpeg reports " in problem.reason
        assert "copy it again; what can be read was used" in problem.reason
        assert report.num_files == {"rgb": 3, "ir": 3}
    video.write_bytes(sound)
    report = _prepare(raw, tmp_path / "out")
    assert report.problems == ()
    assert open_reader(read_manifest(report.manifest).rows[0].files["rgb"], resolve("rgb")).num_frames == 30


def test_a_shard_without_clips_is_no_error(raw: Path, tmp_path: Path) -> None:
    report = _prepare(raw, tmp_path / "out", shard=(5, 8))
    assert (report.num_clips, report.num_files, report.problems) == (0, {}, ())


def test_what_a_killed_run_left_is_swept(raw: Path, tmp_path: Path) -> None:
    _prepare(raw, tmp_path / "out", shard=(2, 2))
    for name in ("rgb", "ir"):
        (tmp_path / "out" / name).mkdir(exist_ok=True)
        (tmp_path / "out" / name / "gone_clip.avi.tmp").write_bytes(b"half")
    _prepare(raw, tmp_path / "out", shard=(1, 2))
    assert len(list((tmp_path / "out").rglob("*.tmp"))) == 2, "another shard may be writing it"
    _prepare(raw, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_only_other_shards_of_the_same_number_may_work_at_once(raw: Path, tmp_path: Path) -> None:
    progress = tmp_path / "out" / "progress"
    with Journal(progress, (1, 2)):
        for shard in ((1, 2), (1, 1), (2, 3)):
            with pytest.raises(ValueError, match=r"another run is preparing part 1-of-2 into .*: wait until it ends"):
                _prepare(raw, tmp_path / "out", shard=shard)
        assert _prepare(raw, tmp_path / "out", shard=(2, 2)).num_clips == 1
    assert _prepare(raw, tmp_path / "out").num_clips == 3


@pytest.mark.parametrize(
    "damage",
    [b"{", b"[]", b'{"sample": 5, "files": {}, "moment": 0}', b'{"sample": "wave_take0"}', b"\xff\xfe", b"[" * 9999],
)
def test_a_damaged_journal_only_means_more_work(raw: Path, tmp_path: Path, damage: bytes) -> None:
    first = _prepare(raw, tmp_path / "out")
    (journal,) = (tmp_path / "out" / "progress").glob("*.jsonl")
    journal.write_bytes(journal.read_bytes().replace(b'{"sample":"wave_take1"', damage))
    again = _prepare(raw, tmp_path / "out")
    assert (again.num_files, again.problems) == (first.num_files, ())


@pytest.mark.parametrize("damage", ["{", "[]", '{"layout": 5}', "[" * 9999])
def test_damaged_settings_are_one_sentence(raw: Path, tmp_path: Path, damage: str) -> None:
    _prepare(raw, tmp_path / "out")
    (tmp_path / "out" / "prepare.json").write_text(damage)
    with pytest.raises(ValueError, match=r"prepare\.json is damaged.*: let `actionmae prepare` write it again"):
        _prepare(raw, tmp_path / "out")
    (tmp_path / "out" / "prepare.json").unlink()
    assert _prepare(raw, tmp_path / "out").num_clips == 3, "the folder is still known as one of prepare's"


def _settings(short_side: int) -> Settings:
    return Settings(layout="folder", root="/raw", crop="none", transcode=True, short_side=short_side)


def test_of_shards_that_start_at_once_one_sets_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def another_comes_first(count: int) -> bytes:
        monkeypatch.undo()
        require_settings(tmp_path, _settings(48))
        return os.urandom(count)

    monkeypatch.setattr(os, "urandom", another_comes_first)
    with pytest.raises(ValueError, match="was prepared with short_side 48, not 32"):
        require_settings(tmp_path, _settings(32))
    require_settings(tmp_path, _settings(48))
    assert [each.name for each in tmp_path.iterdir()] == ["prepare.json"]

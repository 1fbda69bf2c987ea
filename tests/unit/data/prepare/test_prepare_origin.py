"""A prepared file is kept as long as it is made of the same frames of the same recording."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.manifest import read_manifest, write_manifest
from actionmae.data.prepare.run import PrepareReport, prepare
from actionmae.data.prepare.video_writer import write_color_video, write_gray_video
from actionmae.data.reading.readers import open_reader
from helpers.rows import clip_row


def _write(path: Path, level: int, *, num_frames: int = 20, moment: float = 1e9) -> None:
    """A recording of one gray that was last changed at a moment."""
    frames = np.full((num_frames, 64, 96, 3), level, np.uint8)
    if path.suffix == ".mkv":
        write_color_video(path, frames, 30.0)
    else:
        write_gray_video(path, frames[..., 0], 30.0)
    os.utime(path, (moment, moment))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two dark and two bright recordings: colour, which becomes another file, and infrared, which stays where it is."""
    for name, level in {"a": 50, "b": 200}.items():
        _write(tmp_path / "raw" / f"{name}.mkv", level)
        _write(tmp_path / "raw" / f"{name}.avi", level)
    return tmp_path / "raw"


def _prepare(raw: Path, *, shard: tuple[int, int] = (1, 1), **cells: str) -> PrepareReport:
    rows = [
        clip_row(sample=sample, label="wave", files={"rgb": raw / f"{name}.mkv{cells.get(sample, '')}"})
        for sample, name in (("one", cells.get("one_of", "a")), ("two", "b"))
    ]
    write_manifest(raw / "manifest.csv", rows, ["wave"])
    return prepare("manifest", raw / "manifest.csv", raw.parent / "out", short_side=32, shard=shard)


def _found(report: PrepareReport, name: str = "rgb") -> tuple[int, int]:
    """Frames and gray of the first clip."""
    reader = open_reader(read_manifest(report.manifest).rows[0].files[name], resolve(name))
    return reader.num_frames, round(float(reader.read([0]).mean()), -1)


def _stamps(raw: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (raw.parent / "out").rglob("*.avi")}


def test_a_cell_that_names_other_frames_is_prepared_again(raw: Path) -> None:
    assert _found(_prepare(raw, one="#0-9")) == (10, 50)
    before = _stamps(raw)
    assert _found(_prepare(raw, one="#0-4")) == (5, 50)
    assert _found(_prepare(raw, one="#0-19", one_of="b")) == (20, 200)
    after = _stamps(raw)
    assert [path.name for path in before if before[path] != after[path]] == ["one.avi"], "two.avi is what it was"
    report = _prepare(raw, one="#0-19", one_of="b")
    assert (report.problems, _stamps(raw)) == ((), after)


def test_flow_follows_colour_that_stays_where_it_is(raw: Path) -> None:
    for name, count in (("c", 20), ("d", 7)):
        write_color_video(raw / f"{name}.avi", np.full((count, 32, 48, 3), 90, np.uint8), 30.0)
        os.utime(raw / f"{name}.avi", (1e9, 1e9))
        rows = [clip_row(sample="one", label="wave", files={"rgb": raw / f"{name}.avi"})]
        write_manifest(raw / "manifest.csv", rows, ["wave"])
        report = prepare("manifest", raw / "manifest.csv", raw.parent / "out", flow=True)
        assert (_found(report), _found(report, "flow")[0]) == ((count, 90), count)
    write_color_video(raw / "d.avi", np.full((7, 8, 8, 3), 90, np.uint8), 30.0)
    os.utime(raw / "d.avi", (1e9, 1e9))
    for _ in range(2):
        report = prepare("manifest", raw / "manifest.csv", raw.parent / "out", flow=True)
        assert [problem.modality for problem in report.problems] == ["flow"], "and not that of the larger images"


@pytest.mark.parametrize("change", ["bytes", "moment"])
def test_a_recording_that_an_older_one_replaces_is_prepared_again(raw: Path, change: str) -> None:
    assert _found(_prepare(raw)) == (20, 50)
    if change == "bytes":
        _write(raw / "a.mkv", 120, num_frames=15)
    else:
        _write(raw / "a.mkv", 120, moment=1e9 - 5)
    assert _found(_prepare(raw)) == (15 if change == "bytes" else 20, 120)


def test_what_stays_where_it_is_is_checked_again_when_it_is_replaced(raw: Path) -> None:
    rows = [clip_row(sample="one", label="wave", files={"ir": raw / "a.avi"})]
    write_manifest(raw / "manifest.csv", rows, ["wave"])
    assert prepare("manifest", raw / "manifest.csv", raw.parent / "out").problems == ()
    (raw / "a.avi").write_bytes(b"broken")
    os.utime(raw / "a.avi", (1e9 - 5, 1e9 - 5))
    with pytest.raises(ValueError, match=r"none of the 1 clips .* can be read: .*a\.avi cannot be opened as a video"):
        prepare("manifest", raw / "manifest.csv", raw.parent / "out")


def test_of_a_clip_with_a_problem_the_other_recordings_are_remembered(raw: Path) -> None:
    (raw / "c.avi").write_bytes(b"broken")

    def run(name: str) -> PrepareReport:
        rows = [clip_row(sample="one", label="wave", files={"rgb": raw / f"{name}.mkv", "ir": raw / "c.avi"})]
        write_manifest(raw / "manifest.csv", rows, ["wave"])
        return prepare("manifest", raw / "manifest.csv", raw.parent / "out", short_side=32)

    for name, level in (("a", 50), ("b", 200)):
        report = run(name)
        assert ([problem.modality for problem in report.problems], _found(report)) == (["ir"], (20, level))
    (raw / "b.mkv").rename(raw / "d.mkv")
    (raw / "b.mkv").write_bytes(b"broken")
    _write(raw / "c.avi", 7)
    assert [problem.modality for problem in run("b").problems] == ["rgb"]
    before = _stamps(raw)
    shutil.move(raw / "d.mkv", raw / "b.mkv")
    assert (run("b").problems, _stamps(raw)) == ((), before), "the prepared file is made of this recording"


def _forget(raw: Path) -> None:
    """Make of the journal what earlier versions wrote."""
    (journal,) = (raw.parent / "out" / "progress").glob("*.jsonl")
    lines: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text().splitlines() if line]
    for line in lines:
        line.pop("origins", None)
        line.pop("whole", None)
    journal.write_text("\n".join(map(json.dumps, lines)) + "\n")


def test_what_an_earlier_version_prepared_is_kept_and_remembered_from_then_on(raw: Path) -> None:
    first = _prepare(raw)
    _forget(raw)
    before = _stamps(raw)
    _write(raw / "a.mkv", 120, moment=1e9 - 5)
    assert _found(_prepare(raw)) == (20, 50), "older than what was made of it: as these versions judged"
    assert _stamps(raw) == before
    assert _found(_prepare(raw, one="#0-9")) == (10, 120)
    _forget(raw)
    _write(raw / "a.mkv", 200, moment=first.manifest.stat().st_mtime + 9)
    assert _found(_prepare(raw, one="#0-9")) == (10, 200), "newer"


def test_shards_know_what_other_shards_have_made(raw: Path) -> None:
    for at in (1, 2):
        _prepare(raw, shard=(at, 2))
    before = _stamps(raw)
    assert (len(before), _found(_prepare(raw)), _stamps(raw)) == (2, (20, 50), before)
    _prepare(raw, shard=(1, 2), one_of="b")
    before = _stamps(raw)
    assert (_found(_prepare(raw, one_of="b")), _stamps(raw)) == ((20, 200), before)


def test_raw_recordings_may_move(raw: Path) -> None:
    _prepare(raw)
    before = _stamps(raw)
    raw.rename(raw.parent / "moved")
    settings = raw.parent / "out" / "prepare.json"
    settings.write_text(settings.read_text().replace(str(raw), str(raw.parent / "moved")))
    assert (_found(_prepare(raw.parent / "moved")), _stamps(raw)) == ((20, 50), before)


def test_raw_recordings_may_be_away(raw: Path) -> None:
    _prepare(raw)
    before = _stamps(raw)
    (raw / "a.mkv").unlink()
    assert (_prepare(raw).problems, _stamps(raw)) == ((), before)

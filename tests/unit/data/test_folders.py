"""Folders that cannot be read are told, and links lead nowhere twice."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actionmae.data.folders import walk, why_left_out
from actionmae.data.layouts import load_layout
from actionmae.data.prepare.own_folder import index_folder
from actionmae.data.prepare.run import prepare


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Takes the right to read folders, which root cannot lose."""
    locked: set[str] = set()

    def guard(read: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(path: Any = ".") -> Any:
            if str(path) in locked:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return read(path)

        return guarded

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, guard(getattr(os, name)))
    return lambda path: locked.add(str(path))


def _told(path: Path) -> str:
    return f"folder {path} cannot be read (Permission denied) and is left out: permit it, or copy it again"


def test_everything_is_found_once_in_order(tmp_path: Path) -> None:
    _touch(tmp_path, "b/x.txt", "b/clip_2/1.png", "b/clip_1/1.png", "a.txt", "c/d/y.txt")
    problems: list[str] = []
    found = walk(tmp_path, problems, re.compile("clip").match)
    names = ["a.txt", "b/clip_1", "b/clip_2", "b/x.txt", "c/d/y.txt"]
    assert [str(path.relative_to(tmp_path)) for path in found] == names
    assert problems == []


def test_links_are_followed_in_the_end_and_to_nothing_twice(tmp_path: Path) -> None:
    root = tmp_path / "root"
    _touch(root, "view_1/x.txt", "view_1/deep/y.txt")
    _touch(tmp_path, "elsewhere/z.txt")
    for link, to in {"a": root / "view_1", "view_1/up": root, "view_1/out": tmp_path / "elsewhere"}.items():
        (root / link).symlink_to(to, target_is_directory=True)
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path, target_is_directory=True)
    problems: list[str] = []
    found = [str(path.relative_to(root)) for path in walk(root, problems)]
    assert found == ["view_1/x.txt", "view_1/deep/y.txt", "view_1/out/z.txt"]
    assert problems == []


RECORDINGS = {
    "ntu": ("S001C001P001R001A001_rgb.avi", "S001C001P002R001A001/MDepth-00000001.png"),
    "utd_mhad": ("a1_s1_t1_color.avi", None),
    "nw_ucla": ("view_1/a01_s01_e00/frame_1_tc_0_rgb.jpg", "view_2/a01_s01_e01/frame_1_tc_0_rgb.jpg"),
    "uwa3d": ("UWA3D-RGB/a01_s01_v01_e01/001,.jpg", "UWA3D-RGB/a02_s01_v01_e01/001,.jpg"),
}


@pytest.mark.parametrize("layout", ["ntu", "utd_mhad", "nw_ucla", "uwa3d"])
def test_layouts_tell_of_folders_that_cannot_be_read(layout: str, tmp_path: Path, lock: Callable[[Path], None]) -> None:
    first, second = RECORDINGS[layout]
    _touch(tmp_path, first, f"part/{first}")
    lock(tmp_path / "part")
    told = [_told(tmp_path / "part")]
    if second is not None:
        _touch(tmp_path, second)
        lock((tmp_path / second).parent)
        told.append(_told((tmp_path / second).parent))
    rows, problems = load_layout(layout).index(tmp_path)
    assert (len(rows), sorted(problems)) == (1, sorted(told))


@pytest.mark.parametrize("locked", ["wave", "clap/a"])
def test_folders_of_ones_own_that_cannot_be_read_are_told(
    locked: str, tmp_path: Path, lock: Callable[[Path], None]
) -> None:
    _touch(tmp_path, "wave/a/rgb.avi", "clap/a/rgb.avi", "clap/b/rgb.avi")
    lock(tmp_path / locked)
    rows, problems = index_folder(tmp_path, ["rgb"])
    assert [row.sample for row in rows] == {"wave": ["clap_a", "clap_b"], "clap/a": ["clap_b", "wave_a"]}[locked]
    assert problems == [_told(tmp_path / locked)]


@pytest.mark.parametrize("layout", ["folder", "ntu"])
def test_a_root_that_cannot_be_read_is_one_sentence(layout: str, tmp_path: Path, lock: Callable[[Path], None]) -> None:
    _touch(tmp_path, "raw/wave/a/rgb.avi")
    lock(tmp_path / "raw")
    with pytest.raises(ValueError, match=rf"no recordings of layout {layout} below .*: folder .*raw cannot be read \("):
        prepare(layout, tmp_path / "raw", tmp_path / "out")


def test_an_error_without_a_file_speaks_for_itself() -> None:
    assert why_left_out(FileNotFoundError("copy it")) == "copy it"

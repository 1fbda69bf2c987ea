"""Cells: what they say, read once and written back."""

from pathlib import Path

import pytest

from actionmae.data.cell import Cell, Clock
from actionmae.data.manifest import read_manifest, write_manifest
from helpers.rows import clip_row

FILE = Cell(Path("a.avi"))
CELLS = {
    "a.avi": FILE,
    "a.avi#3-5,8": Cell(Path("a.avi"), frames=((3, 5), (8, 8))),
    "a.avi@a.txt": Cell(Path("a.avi"), clock=Clock(log=Path("a.txt"))),
    "a.avi@../logs/a.csv": Cell(Path("a.avi"), clock=Clock(log=Path("../logs/a.csv"))),
    "a.avi#0@-0.4s": Cell(Path("a.avi"), frames=((0, 0),), clock=Clock(start=-0.4)),
    "a.avi@35fps": Cell(Path("a.avi"), clock=Clock(fps=35.0)),
    "a.avi@0.5s+29.97fps": Cell(Path("a.avi"), clock=Clock(start=0.5, fps=29.97)),
    "a.avi@1440454844.826446s": Cell(Path("a.avi"), clock=Clock(start=1440454844.826446)),
    "clip/*_rgb.jpg#3-60@rgb.txt": Cell(
        Path("clip"), pattern="*_rgb.jpg", frames=((3, 60),), clock=Clock(log=Path("clip/rgb.txt"))
    ),
    "clip@0s": Cell(Path("clip"), clock=Clock()),
}


@pytest.mark.parametrize("text", CELLS)
def test_a_cell_is_read_and_written(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Cell.parse(text) == CELLS[text], "the file need not exist"
    (tmp_path / "a.avi").touch()
    (tmp_path / "clip").mkdir()
    cell = Cell.parse(text)
    assert cell == CELLS[text]
    assert str(cell) == cell.text(Path()) == text
    assert Cell.parse(text, tmp_path).text(tmp_path) == text
    assert Cell.parse(cell.resolved().text(tmp_path / "out"), tmp_path / "out").resolved() == cell.resolved()


def test_runs_of_frames_are_put_in_order() -> None:
    assert Cell.parse("a.avi#8,3-5,4-6,1").frames == ((1, 1), (3, 6), (8, 8))
    assert FILE.with_frames([3, 4, 5, 8, 10, 9]).name == "a.avi#3-5,8-10"
    assert Cell(Path("x/clip"), pattern="*.jpg").with_frames([7]).name == "*.jpg#7"


@pytest.mark.parametrize("name", ["a@0s", "take#3", "anna@home #1-2*.avi", "all*", "x@b.txt"])
def test_a_name_that_exists_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert Cell.parse(name, tmp_path) == Cell(tmp_path / name)
    assert Cell.parse(f"{name}#1-2@0.5s", tmp_path) == Cell(tmp_path / name, frames=((1, 2),), clock=Clock(start=0.5))
    log = Cell.parse(f"{name}@{name}.txt", tmp_path)
    assert (log.path, log.clock) == (tmp_path / name, Clock(log=tmp_path / f"{name}.txt"))


def test_folders_may_have_such_names_too(tmp_path: Path) -> None:
    (tmp_path / "anna@home").mkdir()
    (tmp_path / "anna@home" / "a.avi").touch()
    assert Cell.parse("anna@home/a.avi#1-2", tmp_path) == Cell(tmp_path / "anna@home" / "a.avi", frames=((1, 2),))
    assert Cell.parse("anna@home/a.avi@0s", tmp_path) == Cell(tmp_path / "anna@home" / "a.avi", clock=Clock())


@pytest.mark.parametrize("text", ["long.avi#39-10", "clip#1-3,9-5", "clip/*.png#9-5"])
def test_frames_are_not_asked_for_backwards(text: str) -> None:
    with pytest.raises(ValueError, match="asks for frames backwards: write the smaller number first, as #3-60"):
        Cell.parse(text)


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(TypeError, match="a recording is int: give a path, or a cell as in a manifest"):
        Cell.of(3)


def test_a_link_keeps_its_name_which_tells_its_form(tmp_path: Path) -> None:
    """As in caches whose files are named by their hash."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "5f3a").touch()
    (tmp_path / "a.avi").symlink_to(tmp_path / "blobs" / "5f3a")
    row = clip_row(sample="a", label="x", files={"rgb": tmp_path / "a.avi"})
    write_manifest(tmp_path / "m.csv", [row], ["x"])
    assert read_manifest(tmp_path / "m.csv").rows[0].files["rgb"].path == tmp_path / "a.avi"


def test_a_manifest_of_a_linked_folder_holds_where_the_folder_is(tmp_path: Path) -> None:
    (tmp_path / "far" / "raw").mkdir(parents=True)
    (tmp_path / "far" / "raw" / "a.avi").touch()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    row = clip_row(sample="a", label="x", files={"rgb": f"{tmp_path}/near/raw/a.avi@t.txt"})
    write_manifest(tmp_path / "near" / "m.csv", [row], ["x"])
    assert "raw/a.avi@t.txt" in (tmp_path / "near" / "m.csv").read_text().split(",")[-1]

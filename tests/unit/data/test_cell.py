"""Cells: what they say, read once and written back."""

from pathlib import Path

import pytest

from actionmae.data.cell import Cell, Clock
from actionmae.data.cell_text import parse_cell
from actionmae.data.manifest import read_manifest, write_manifest
from helpers.processes import run_python
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
    "a.avi#3.2s-5.9s": Cell(Path("a.avi"), window=(3.2, 5.9)),
    "a.avi#-0.5s-2s@log.txt:ns": Cell(Path("a.avi"), window=(-0.5, 2.0), clock=Clock(log=Path("log.txt"), unit="ns")),
    "a.avi#5@logs/x.log[time of day]:ms": Cell(
        Path("a.avi"), frames=((5, 5),), clock=Clock(log=Path("logs/x.log"), column="time of day", unit="ms")
    ),
    "acc.csv[x,y,z]@t:us": Cell(Path("acc.csv"), columns=("x", "y", "z"), clock=Clock(column="t", unit="us")),
    "acc.txt[1-3,5]#2s-3s@0": Cell(Path("acc.txt"), columns=("1-3", "5"), window=(2.0, 3.0), clock=Clock(column="0")),
    "acc.csv[x]@50fps": Cell(Path("acc.csv"), columns=("x",), clock=Clock(fps=50.0)),
    "acc.csv@other.csv": Cell(Path("acc.csv"), clock=Clock(log=Path("other.csv"))),
}


@pytest.mark.parametrize("text", CELLS)
def test_a_cell_is_read_and_written(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_cell(text) == CELLS[text], "the file need not exist"
    for name in ("a.avi", "acc.csv", "acc.txt"):
        (tmp_path / name).touch()
    (tmp_path / "clip").mkdir()
    cell = parse_cell(text)
    assert cell == CELLS[text]
    assert str(cell) == cell.text(Path()) == text
    assert parse_cell(text, tmp_path).text(tmp_path) == text
    assert parse_cell(cell.resolved().text(tmp_path / "out"), tmp_path / "out").resolved() == cell.resolved()


def test_runs_of_frames_are_put_in_order() -> None:
    assert parse_cell("a.avi#8,3-5,4-6,1").frames == ((1, 1), (3, 6), (8, 8))
    assert FILE.with_frames([3, 4, 5, 8, 10, 9]).name == "a.avi#3-5,8-10"
    assert Cell(Path("x/clip"), pattern="*.jpg").with_frames([7]).name == "*.jpg#7"


@pytest.mark.parametrize("name", ["a@0s", "take#3", "anna@home #1-2*.avi", "all*", "x@b.txt"])
def test_a_name_that_exists_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert parse_cell(name, tmp_path) == Cell(tmp_path / name)
    assert parse_cell(f"{name}#1-2@0.5s", tmp_path) == Cell(tmp_path / name, frames=((1, 2),), clock=Clock(start=0.5))
    log = parse_cell(f"{name}@{name}.txt", tmp_path)
    assert (log.path, log.clock) == (tmp_path / name, Clock(log=tmp_path / f"{name}.txt"))


def test_folders_may_have_such_names_too(tmp_path: Path) -> None:
    (tmp_path / "anna@home").mkdir()
    (tmp_path / "anna@home" / "a.avi").touch()
    assert parse_cell("anna@home/a.avi#1-2", tmp_path) == Cell(tmp_path / "anna@home" / "a.avi", frames=((1, 2),))
    assert parse_cell("anna@home/a.avi@0s", tmp_path) == Cell(tmp_path / "anna@home" / "a.avi", clock=Clock())


@pytest.mark.parametrize("text", ["long.avi#39-10", "clip#1-3,9-5", "clip/*.png#9-5"])
def test_frames_are_not_asked_for_backwards(text: str) -> None:
    with pytest.raises(ValueError, match="asks for frames backwards: write the smaller number first, as #3-60"):
        parse_cell(text)


@pytest.mark.parametrize("text", ["long.avi#5s-2s", "long.avi#2s-2s@log.txt"])
def test_time_is_not_asked_for_backwards(text: str) -> None:
    with pytest.raises(ValueError, match=r"long\.avi#\ds-2s asks for time backwards: write the earlier moment first"):
        parse_cell(text)


@pytest.mark.parametrize("name", ["a[x].csv", "acc.csv[x,y]", "b#1s-2s.avi", "c#1s-2s"])
def test_brackets_in_names_are_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert parse_cell(name, tmp_path) == Cell(tmp_path / name)
    assert parse_cell(f"{name}#1s-2s@0s", tmp_path) == Cell(tmp_path / name, window=(1.0, 2.0), clock=Clock())
    if name == "a[x].csv":
        assert parse_cell(f"{name}[t,y]", tmp_path) == Cell(tmp_path / name, columns=("t", "y"))


def test_what_is_no_path_is_refused() -> None:
    code = "from actionmae.data.cell_text import as_cell; as_cell(3)"
    with pytest.raises(AssertionError, match="TypeError: a recording is int: give a path, or a cell as in a manifest"):
        run_python(code)


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

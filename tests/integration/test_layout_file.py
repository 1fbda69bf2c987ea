"""A layout of one's own: the documented file, from raw files to a protocol's split, named by its path."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from actionmae.cli import main
from actionmae.data.layouts import find_protocol, load_layout
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.video_writer import write_color_video
from actionmae.data.splits import split_manifest
from actionmae.synthetic.image_files import write_image

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/kitchen_layout.py"
PAGE = ROOT / "docs/how_to/new_data_set.md"


def write_kitchen(root: Path) -> None:
    """Two clips of persons 1 and 4 by two cameras; one lacks its depth, one file has a wrong name."""
    rng = np.random.default_rng(0)
    for person in (1, 4):
        for camera in (1, 2):
            for clip in ("stir_01", "open_fridge_03"):
                folder = root / f"P{person:02d}/cam{camera}"
                depth = folder / f"{clip}_depth"
                depth.mkdir(parents=True)
                color = rng.integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
                write_color_video(folder / f"{clip}_color.avi", color, 30.0)
                for frame in range(4):
                    write_image(depth / f"{frame}.png", rng.integers(1, 4000, (16, 16), dtype=np.uint16))
                np.save(folder / f"{clip}_imu.npy", rng.normal(size=(20, 3)))
    shutil.rmtree(root / "P01/cam1/stir_01_depth")
    np.save(root / "P01/cam1/jump_01_imu.npy", np.zeros((20, 3)))


def test_the_page_shows_the_file() -> None:
    (shown,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert shown == EXAMPLE.read_text(encoding="utf-8")
    assert len(shown.splitlines()) < 100


def test_from_raw_files_to_a_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_kitchen(tmp_path / "raw")
    shutil.copy(EXAMPLE, tmp_path / "my_layout.py")
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "my_layout.py", "raw", "--out", "out"]) == 0
    assert "8 clips (8 rgb, 7 depth, 8 inertial), 1 problems" in capsys.readouterr().out
    assert "shows 'jump', none of open fridge, pour water, stir" in Path("out/problems.csv").read_text()
    assert main(["check", "out/manifest.csv"]) == 0, "its SPECS have three axes"
    manifest = read_manifest(Path("out/manifest.csv"))
    assert manifest.classes == ("open fridge", "stir")
    for layout in ("my_layout.py", str(EXAMPLE)):
        splits = split_manifest(manifest, f"{layout}/cross-subject")
        assert ({row.subject for row in splits.train}, {row.subject for row in splits.test}) == ({"1"}, {"4"})
    splits = split_manifest(manifest, "my_layout.py/cross-view")
    assert ({row.camera for row in splits.train}, {row.camera for row in splits.test}) == ({"1"}, {"2"})


def test_files_that_are_no_layout_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    with pytest.raises(
        FileNotFoundError, match=r"layout .*mine\.py does not exist: give a Python file, or the name of a known layout"
    ):
        load_layout(str(path))
    path.write_text("CLASSES = (\n")
    with pytest.raises(ValueError, match=r"mine\.py cannot be imported: SyntaxError: "):
        load_layout(str(path))
    path.write_text("import no_such_module\n")
    with pytest.raises(ValueError, match=r"cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"):
        load_layout(str(path))
    path.write_text("CLASSES = ('a',)\n")
    with pytest.raises(
        ValueError, match=r"mine\.py has no PROTOCOLS, index: a layout has CLASSES, PROTOCOLS and index"
    ):
        load_layout(str(path))
    with pytest.raises(
        ValueError, match=r"unknown protocol '.*cross' \(did you mean .*\): known are split, .*/cross-view"
    ):
        find_protocol(f"{EXAMPLE}/cross")
    with pytest.raises(ValueError, match=r"unknown layout 'kitchen': known are ntu60, .*, or give a Python file"):
        load_layout("kitchen")


def test_a_layout_may_define_dataclasses_and_read_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("wave\nfall\n")
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\n"
        "import dataclasses\n"
        "from pathlib import Path\n"
        "@dataclasses.dataclass\n"
        "class Name:\n"
        "    text: str\n"
        "CLASSES = Path(__file__).with_name('names.txt').read_text().split()\n"
        "PROTOCOLS = {}\n"
        "def index(root): return [], []\n"
    )
    assert load_layout(str(tmp_path / "mine.py")).classes == ("wave", "fall")


GOOD = """
from actionmae.data.cell import Cell
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow
CLASSES, PROTOCOLS, SPECS = ("wave", "fall"), {"p": SplitProtocol(field="subject", train=frozenset("1"))}, {}
def index(root): return [ClipRow(sample="a", label="wave", files={"rgb": Cell(root / "a.avi")})], ["b is broken"]
"""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("CLASSES = None", "CLASSES is no list of different names"),
        ("CLASSES = 'wave'", "CLASSES is no list of different names"),
        ("CLASSES = ('wave', 5)", "CLASSES is no list of different names"),
        ("CLASSES = ('wave', 'wave')", "CLASSES is no list of different names"),
        ("CLASSES = ()", "CLASSES is no list of different names"),
        ("PROTOCOLS = ['p']", "PROTOCOLS is no mapping from names to SplitProtocol"),
        ("PROTOCOLS = {'p': 5}", "PROTOCOLS is no mapping from names to SplitProtocol"),
        ("object.__setattr__(PROTOCOLS['p'], 'field', 'shoe')", "PROTOCOLS is no mapping"),
        ("object.__setattr__(PROTOCOLS['p'], 'train', frozenset([1]))", "PROTOCOLS is no mapping"),
        ("object.__setattr__(PROTOCOLS['p'], 'train', ['1'])", "PROTOCOLS is no mapping"),
        ("object.__setattr__(PROTOCOLS['p'], 'test', '1')", "PROTOCOLS is no mapping"),
        ("SPECS = [5]", "SPECS is no mapping"),
        ("SPECS = {'rgb': 5}", r"SPECS\['rgb'\]: "),
        ("SPECS = {'rgb': {'name': 'rgb', 'shape': [3]}}", r"SPECS\['rgb'\]: modality 'rgb' \(frames\) has shape"),
        ("SPECS = {'rgb': {'name': 'ir'}}", r"SPECS\['rgb'\] is of modality 'ir': give both one name"),
        ("index = 5", r"index is no function index\(root\)"),
        ("import sys; sys.exit(3)", "cannot be imported: SystemExit: 3"),
        ("raise KeyError('x')", "cannot be imported: KeyError: 'x'"),
        ("def index(root): raise KeyError('x')", "fails: KeyError: 'x'"),
        ("def index(): return [], []", r"fails: TypeError: index\(\) takes 0 positional"),
        ("def index(root): return []", r"returns no \(rows, problems\): two lists"),
        ("def index(root): return [], 'broken'", r"returns no \(rows, problems\): two lists"),
        ("def index(root): return [5], []", "returns 5: give a ClipRow whose facts are texts"),
        (
            "ROW = ClipRow(sample='a', label='wave')\nobject.__setattr__(ROW, 'subject', 1)\n"
            "def index(root): return [ROW], []",
            "give a ClipRow whose facts are texts",
        ),
        (
            "def index(root): return [ClipRow(sample='a', label='jump')], []",
            "'a' the label 'jump': it is none of CLASSES",
        ),
        (
            "ROW = ClipRow(sample='a', label='wave')\nROW.files['rgb'] = 5\ndef index(root): return [ROW], []",
            "files of 'a': ",
        ),
    ],
)
def test_a_layout_that_defines_something_else_is_one_sentence(tmp_path: Path, change: str, sentence: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    assert load_layout(str(path)).index(tmp_path)[1] == ["b is broken"]
    path.write_text(f"{GOOD}\n{change}\n")
    with pytest.raises(ValueError, match=rf"layout .*mine\.py.*{sentence}"):
        load_layout(str(path)).index(tmp_path)


def test_a_protocol_of_another_data_set_is_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("sample,label,subject,rgb\na,wave,1,a.avi\nb,drink water,2,b.avi\n")
    for name in "ab":
        (tmp_path / f"{name}.avi").touch()
    with pytest.raises(
        ValueError, match=r"protocol 'utd_mhad/cross-subject' is of another data set: class 'drink water'"
    ):
        split_manifest(read_manifest(manifest), "utd_mhad/cross-subject")

"""Whatever a file holds: the frames, or one sentence; no traceback, no endless wait, no memory for what it claims."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.manifest import read_manifest
from actionmae.data.reading.readers import frames_of, open_reader
from helpers import hostile_files as bad

SECONDS, BYTES = 60, 1 << 30
SPECS = {
    "signal": resolve({"name": "inertial", "shape": [6, 8]}),
    "skeleton": resolve({"name": "skeleton", "shape": [1, 4, 3], "mirror": None}),
    "rgb": resolve("rgb"),
    "depth": resolve("depth"),
}

NOT_REGULAR = {
    ("signal", "a.npy"): "is no regular file",
    ("signal", "a.mat"): "is no regular file",
    ("skeleton", "a.skeleton"): "is no regular file",
    ("rgb", "a.avi"): "is no regular file",
    ("rgb", "a"): "is no regular file",
}
IN_FOLDERS = [("rgb", "1.png"), ("depth", "1.png"), ("rgb", "1.jpg"), ("skeleton", "1.txt")]

SIZES: dict[str, tuple[str, bad.Write, str]] = {
    "a.npy, much": ("signal", bad.npy_header("(1000000000000, 6)"), "bytes for an array of shape"),
    "b.npy, more": ("signal", bad.npy_header(f"({10**30}, 6)"), "bytes for an array of shape"),
    "c.npy, negative": ("signal", bad.npy_header("(-1, 6)", data=bytes(96)), "bytes for an array of shape"),
    "d.npy, no shape": ("signal", bad.npy_header("'x'"), "cannot be read as a NumPy file"),
    "e.npy, nested": ("signal", bad.npy_header("(" * 4000 + ")" * 4000), "cannot be read as a NumPy file"),
    "f.npy, pickled": ("signal", bad.npy_header("(1,)", "'|O'", b"cos\nsystem\n(S'false'\ntR."), "instead of numbers"),
    "g.npy, fields": ("signal", bad.npy_header("(2,)", "[('a', '<f8')]", bytes(16)), "instead of numbers"),
    "h.npy, complex": ("signal", bad.npy_header("(2, 6)", "'<c16'", bytes(192)), "instead of numbers"),
    "i.npy, texts": ("signal", bad.npy_header("(2, 6)", "'<U4'", bytes(192)), "instead of numbers"),
    "j.npy, version 3": ("signal", bad.npy_header("(2, 6)", data=bytes(96), version=3), "cannot be read as a NumPy"),
    "k.npy, zip": ("signal", bad.npz, "cannot be read as a NumPy file"),
    "l.npy, sparse": ("signal", bad.sparse, "cannot be read as a NumPy file"),
    "a.mat, much": ("signal", bad.level_5((2_000_000_000, 6)), "declares an array of 96,000,000,000 bytes"),
    "b.mat, negative": ("signal", bad.level_5((-20, 6)), "cannot be read as a MATLAB file"),
    "c.mat, many axes": ("signal", bad.level_5((1,) * 1000), "cannot be read as a MATLAB file"),
    "d.mat, type of numbers": ("signal", bad.level_5((8, 1), stored=14), "numbers of type 14"),
    "e.mat, other type": ("signal", bad.level_5((8, 1), stored=250), "numbers of type 250"),
    "f.mat, more bytes": ("signal", bad.level_5((8, 1), size=1 << 31), "cannot be read as a MATLAB file"),
    "g.mat, bomb": ("signal", bad.level_5_bomb, "cannot be read as a MATLAB file"),
    "h.mat, sparse": ("signal", bad.sparse, r"has 1,099,511,627,776 bytes: 4,294,967,296 at most are read"),
    "i.mat, HDF5, much": (
        "signal",
        bad.hdf5(lambda file: file.create_dataset("a", (6, 10**12), "f8", chunks=(6, 100))),
        "declares an array",
    ),
    "j.mat, HDF5, texts": ("signal", bad.hdf5(lambda file: file.create_dataset("a", data="x")), "0 numeric arrays"),
    "k.mat, HDF5, no shape": (
        "signal",
        bad.hdf5(lambda file: file.create_dataset("a", dtype="f8")),
        "cannot be read as a MATLAB file",
    ),
    "a.skeleton, frames": ("skeleton", bad.text("1" + "0" * 30 + "\n1\n"), "is cut off or no skeleton text"),
    "b.skeleton, digits": ("skeleton", bad.text("9" * 5000), "is cut off or no skeleton text"),
    "c.skeleton, bodies": ("skeleton", bad.text("1\n" + "9" * 30 + "\n1\n"), "is cut off or no skeleton text"),
    "d.skeleton, sparse": ("skeleton", bad.sparse, "at most are read"),
    "png, pixels": ("rgb", bad.folder_with(bad.png(100_000, 100_000)), "cannot be decoded: copy it again, or convert"),
    "png, width": ("rgb", bad.folder_with(bad.png(2**31, 1)), "cannot be decoded"),
    "png, nothing": ("rgb", bad.folder_with(bad.png(0, 0)), "cannot be decoded"),
    "png, chunk": ("rgb", bad.folder_with(bad.png(32, 32)[:-12] + b"\xff\xff\xff\xffIEND1234"), "cannot be decoded"),
    "png16, pixels": (
        "depth",
        bad.folder_with(bad.png(100_000, 100_000, bits=16), first=bad.DEPTHS[0]),
        "100000 × 100000 pixels: at most",
    ),
    "png, sparse": ("rgb", lambda path: [path.mkdir(), bad.sparse(path / "1.png")], "at most are read"),
    "jpg, pixels": ("rgb", bad.folder_with(bad.jpeg(65_535, 65_535), ".jpg"), "cannot be decoded"),
    "jpg, whole": (
        "rgb",
        lambda path: bad.folder_with(bad.encoded(np.zeros((8193, 8193), np.uint8), ".jpg"), ".jpg")(path),
        "8,864 pixels",
    ),
    "video.avi, one frame": ("rgb", bad.video_with(bad.png(50_000, 50_000)), "cannot be decoded at frame 4"),
}

LINKS: dict[str, tuple[str, bad.Write, str]] = {
    "a.mat": ("signal", bad.hdf5_external, "keeps its array in another file: save the array itself"),
    "b.mat": ("signal", bad.hdf5_virtual, "keeps its array in another file: save the array itself"),
    "c.mat": ("signal", bad.hdf5_link, "has a link 'a', perhaps to another file: save the array itself"),
    "a.avi": ("rgb", bad.playlist("ffconcat version 1.0\nfile {other}\n"), "cannot be opened as a video"),
    "b.mp4": ("rgb", bad.playlist("ffconcat version 1.0\nfile '{path}'\n"), "cannot be opened as a video"),
    "c.m3u8": (
        "rgb",
        bad.playlist("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n"),
        "cannot be opened",
    ),
    "d.mpd": (
        "rgb",
        bad.playlist('<?xml version="1.0"?><MPD><Period><BaseURL>{other}</BaseURL></Period></MPD>'),
        "cannot be opened",
    ),
    "e.sdp": (
        "rgb",
        bad.playlist("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
        "cannot be opened",
    ),
    "f%03d.png": ("rgb", lambda path: path.write_bytes(bad.png(8, 8)), "cannot be opened"),
}

CELLS = {
    "a.avi#0-9e10": "does not exist",
    "a.avi#0-90000000000": "does not exist",
    "a.avi#0-900000000": "asks for more than its 4 frames",
    "a.avi#5-1": "asks for frames backwards",
    f"a.avi#{'0,' * 5000}0": None,
    f"a.avi#{'9' * 5000}": "does not exist",
    f"a.avi@{'9' * 5000}s": "ends with no clock",
    "a.avi@0.000000000001fps": None,
    f"a.avi@{'9' * 400}fps": "ends with no clock",
    "a.avi@a.txt": "no regular file|do not exist|does not exist",
    "a.avi@/dev/zero.txt": "do not exist|does not exist",
    "frames#0-900000000": "frame 0 of .* is missing",
    "a" * 5000: "does not exist",
    "a.avi\0b": "does not exist",
    "*" * 300: "does not exist|no images",
}

MANIFESTS = {
    'sample,label,rgb\na,"' + "x" * 200_000 + "\n": r"is no table \(field larger than field limit",
    "sample,label,rgb\na,x,a.avi\0\n": "does not exist",
    "sample,label," + ",".join(f"c{at}" for at in range(20_000)) + "\na,x,a.avi\n": None,
    "sample,label,rgb\na,x,a.avi\n./a,y,a.avi\n": r"has sample 'a' and '\./a': give every clip its own name",
    "sample,label,rgb\na/b,x,a.avi\na//b,y,a.avi\n": "has sample 'a/b' and 'a//b': give every clip its own name",
    'sample,label,rgb\na,"x\ny",a.avi\n': r"its label 'x\\ny' has a line break: write it on one line",
    "sample,label,rgb\na,x\u2028y,a.avi\n": "its label .* has a line break: write it on one line",
    "sample,label,rgb\na,x\x85y,a.avi\n": "its label .* has a line break: write it on one line",
    "sample,label,rgb\na,x\x1cy,a.avi\n": "its label .* has a line break: write it on one line",
    'sample,label,subject,rgb\na,x,"1\r2",a.avi\n': "its subject .* has a line break",
    "": "has no column 'sample'",
    "\0": "name it like a modality",
}


@contextmanager
def limits() -> Iterator[None]:
    """A minute, and one gigabyte more than now."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} seconds")

    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    before = resource.getrlimit(resource.RLIMIT_AS)
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.alarm(0)


def read(cell: Path | str, kind: str) -> None:
    with limits():
        reader = open_reader(cell, SPECS[kind])
        for _ in frames_of(reader):
            pass


def refused(cell: Path | str, kind: str, match: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=match) as caught:
        read(cell, kind)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(cell)) + 500


@pytest.mark.parametrize("special", [bad.pipe, bad.device])
@pytest.mark.parametrize(("kind", "name"), NOT_REGULAR)
def test_pipes_and_devices_are_not_opened(tmp_path: Path, special: bad.Write, kind: str, name: str) -> None:
    special(tmp_path / name)
    refused(tmp_path / name, kind, "is no regular file: folders, pipes and devices are not read")


@pytest.mark.parametrize("special", [bad.pipe, bad.device])
@pytest.mark.parametrize(("kind", "name"), IN_FOLDERS)
def test_nor_in_folders(tmp_path: Path, special: bad.Write, kind: str, name: str) -> None:
    bad.folder_of(special, name)(tmp_path / "clip")
    refused(tmp_path / "clip", kind, f"{name} is no regular file: remove it from the frames of")


@pytest.mark.parametrize("special", [bad.pipe, bad.device])
@pytest.mark.parametrize("name", ["manifest.csv", "classes.txt", "clock.txt"])
def test_nor_as_texts(tmp_path: Path, special: bad.Write, name: str) -> None:
    bad.WHOLE["jpeg.avi"][1](tmp_path / "a.avi")
    special(tmp_path / name)
    if name != "manifest.csv":
        cell = "a.avi@clock.txt" if name == "clock.txt" else "a.avi"
        (tmp_path / "manifest.csv").write_text(f"sample,label,rgb\na,x,{cell}\n")
    with limits(), pytest.raises(ValueError, match=f"{name} is no regular file: folders, pipes and devices"):
        open_reader(read_manifest(tmp_path / "manifest.csv").rows[0].files["rgb"], SPECS["rgb"])


@pytest.mark.parametrize("name", SIZES)
def test_a_size_is_checked_before_memory_is_taken(tmp_path: Path, name: str) -> None:
    kind, write, match = SIZES[name]
    write(tmp_path / name.partition(",")[0])
    refused(tmp_path / name.partition(",")[0], kind, match)


@pytest.mark.parametrize("name", LINKS)
def test_nothing_outside_of_a_file_is_read(tmp_path: Path, name: str) -> None:
    kind, write, match = LINKS[name]
    write(tmp_path / name)
    refused(tmp_path / name, kind, match)


@pytest.mark.parametrize("text", CELLS, ids=lambda text: text[:30].replace("\0", "0"))
def test_cells_say_what_they_like(tmp_path: Path, text: str) -> None:
    bad.WHOLE["jpeg.avi"][1](tmp_path / "a.avi")
    bad.WHOLE["png/"][1](tmp_path / "frames")
    if CELLS[text] is None:
        read(f"{tmp_path}/{text}", "rgb")
    else:
        refused(f"{tmp_path}/{text}", "rgb", CELLS[text])


@pytest.mark.parametrize("text", MANIFESTS, ids=lambda text: ascii(text[:40]))
def test_tables_hold_what_they_like(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.avi").touch()
    (tmp_path / "m.csv").write_text(text, encoding="utf-8", newline="")
    with limits():
        if MANIFESTS[text] is None:
            read_manifest(tmp_path / "m.csv")
        else:
            with pytest.raises((ValueError, FileNotFoundError), match=MANIFESTS[text]):
                read_manifest(tmp_path / "m.csv")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("form", bad.WHOLE)
def test_damaged_files_are_read_or_refused(tmp_path: Path, form: str, seed: int) -> None:
    kind, write = bad.WHOLE[form]
    path = tmp_path / (form.rstrip("/") if form.endswith("/") or "." in form else f"a.{form}")
    write(path)
    read(path, kind)
    rng = np.random.default_rng([seed, *form.encode()])
    victim = max(path.iterdir()) if path.is_dir() else path
    whole = victim.read_bytes()
    for _ in range(4):
        victim.write_bytes(bad.damaged(whole, rng))
        with suppress(ValueError, FileNotFoundError):
            read(path, kind)

"""When frames were taken, as many programs write it down."""

import re
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.prepare.video_writer import write_gray_video
from actionmae.data.reading.readers import ChosenFrames, open_reader

IR = resolve("ir")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A video of three frames, and one of thirty at 30 fps whose brightness is the frame's number."""
    write_gray_video(tmp_path / "a.avi", np.zeros((3, 24, 24), np.uint8), 30.0)
    frames = np.broadcast_to(5 * np.arange(30)[:, None, None], (30, 24, 24))
    write_gray_video(tmp_path / "long.avi", frames.astype(np.uint8), 30.0)
    return tmp_path


def times(folder: Path, cell: str) -> list[float]:
    found = open_reader(folder / cell, IR).times
    assert found is not None
    return [round(float(time), 6) for time in found]


LOGS = {
    "0.5\n0.7\n1.1\n\n": "@a.txt",
    "5e-1\n7e-1\n1.1\n": "@a.txt",
    "seconds\n0.5\n0.7\n1.1\n": "@a.txt",
    "\ufeffframe;timestamp_ms\r\n0;500\r\n1;700\r\n2;1100\r\n": "@a.txt",
    "name\tTime (us)\na.png\t500000\nb.png\t700000\nc.png\t1100000\n": "@a.txt",
    "t [ns],gain\n500000000,1\n700000000,1\n1100000000,2\n": "@a.txt",
    "img00000.png 500000000\nimg00001.png 700000000\nimg00002.png 1100000000\n": "@a.txt:ns",
    "  img00000.png     500\n  img00001.png     700\n  img00002.png    1100\n": "@a.txt:ms",
    "500\n700\n1100\n": "@a.txt:ms",
    "0 500\n1 700\n2 1100\n": "@a.txt[1]:ms",
    "frame,stamp,other\n0,500,1\n1,700,2\n2,1100,3\n": "@a.txt[stamp]:ms",
    'frame,"time, device",t_ms\n0,500,9\n1,700,8\n2,1100,7\n': "@a.txt[1]:ms",
    "time (us)\n500000\n700000\n1100000\n": "@a.txt",
    "frame,t_ms,\n0,500,\n1,700,\n2,1100,\n": "@a.txt",
    "frame;t [s]\n0;0,5\n1;0,7\n2;1,1\n": "@a.txt",
    "# written by cam\n# frame t_ms\n0 500\n1 700\n2 1100\n": "@a.txt",
    "sec,nanoseconds\n9,500000000\n9,700000000\n9,1100000000\n": "@a.txt[nanoseconds]",
}


@pytest.mark.parametrize("text", LOGS)
def test_logs_are_tables_of_many_programs(folder: Path, text: str) -> None:
    (folder / "a.txt").write_bytes(text.encode())
    assert times(folder, "a.avi" + LOGS[text]) == [0.5, 0.7, 1.1]


def test_logs_may_lie_elsewhere(folder: Path) -> None:
    (folder / "logs").mkdir()
    (folder / "logs" / "sk_color_log.txt").write_text("".join(f"img0000{at}.png {at}\n" for at in range(3)))
    assert times(folder, "a.avi@logs/sk_color_log.txt:s") == [0, 1, 2]
    assert times(folder, f"a.avi@{folder}/logs/sk_color_log.txt:s") == [0, 1, 2]


def test_moments_of_this_century_keep_their_microseconds(folder: Path) -> None:
    (folder / "log.txt").write_text(
        "".join(f"img0000{at}.png {1440454844826445928 + at * 33333333}\n" for at in range(3))
    )
    found = times(folder, "a.avi@log.txt:ns")
    np.testing.assert_allclose(np.array(found) - 1440454844, [0.826446, 0.859779, 0.893113], atol=1e-6)


BAD = {
    "0.5\n0.4\n0.6": "goes back in time after 1 lines",
    "0.5\n0.6": "has 2 times for 3 frames: give one line per frame",
    "clock,gain\n1,0\n2,0\n3,0": r"several columns of times \(the columns clock, gain\): name one in the cell, as in @",
    "a b\nc d": r"has no column of times \(the columns a, b\): name one in the cell",
    "": "is empty: give one line of numbers for each frame",
    "seconds\n": "is empty: give one line of numbers for each frame",
    "1\nx\n3": "has a line without a number in each column .*'x'",
    "a 1\nb": "has a line without a number in each column",
    "1\nnan\n3": "has a line without a time .NaN or infinite",
    "seconds,nanoseconds\n0,1\n0,2\n1,1": "several columns of times",
    "0 0.5\n1 0.6\n2 0.7": "several columns of times .2 columns without names, counted from 0.",
    "frame time (ms)\n0 500\n1 700\n2 1100": "names 3 columns and has 2 in its first line: separate them by commas",
    "0\n33\n67": r"counts 33\.5 from frame to frame without saying of what: write the unit .* as in @a\.txt:ms",
    "a.png 1440454844826445928\nb.png 1440454844859779261\nc.png 1440454844893112594": "counts 3.* without saying",
    "0\n1\n2": "counts 1 from frame to frame without saying of what",
    "0.0\n33.3\n66.7": "counts 33.* from frame to frame without saying",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_logs_are_refused(folder: Path, text: str) -> None:
    (folder / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=BAD[text]):
        open_reader(folder / "a.avi@a.txt", IR)


def test_the_advice_names_the_clock_of_the_cell(folder: Path) -> None:
    (folder / "acc.csv").write_text("t,x,y\n0,1,2\n20,1,2\n40,1,2\n")
    signal = resolve({"name": "inertial", "shape": [2, 8]})
    for cell in ("acc.csv[x,y]@t", "acc.csv[x,y]@acc.csv[t]"):
        clock = cell.rpartition("@")[2]
        with pytest.raises(ValueError, match=re.escape(f"as in @{clock}:ms")):
            open_reader(folder / cell, signal)
        assert open_reader(folder / f"{cell}:ms", signal).num_frames == 3


def test_impossible_clocks_are_refused(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the times .*none\.txt of ir recording .* do not exist"):
        open_reader(folder / "a.avi@none.txt", IR)
    for clock in ("@0.4", "@0fps", "@35 fps", "@times.pdf", "@", "@:ms"):
        with pytest.raises(ValueError, match=rf"a\.avi{clock} ends with no clock: write @0\.4s, @35fps"):
            open_reader(folder / f"a.avi{clock}", IR)
    (folder / "a.txt").write_bytes("0.1\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"a\.txt is no UTF-8 text \(byte 0\): save it again as UTF-8"):
        open_reader(folder / "a.avi@a.txt", IR)
    (folder / "a.txt").write_text("0.1\n0.2\n0.3\n")
    with pytest.raises(
        ValueError, match=r"a\.txt has no column 'stamp': it has 1 columns without names, counted from 0"
    ):
        open_reader(folder / "a.avi@a.txt[stamp]", IR)
    np.save(folder / "f.npy", np.zeros((5, 8, 8), np.uint8))
    for cell in ("f.npy@1s", "f.npy#0s-1s"):
        with pytest.raises(ValueError, match="has no frames per second of its own: write them into the cell, as"):
            open_reader(folder / cell, IR)


@pytest.mark.parametrize(
    ("cell", "frames"),
    [
        ("long.avi#0.2s-0.5s", range(6, 15)),  # by its own fps
        ("long.avi#0s-1s", range(30)),
        ("long.avi#1.2s-1.5s@1s", range(6, 15)),
        ("long.avi#2s-5s@10fps", range(20, 30)),
        ("long.avi#-1s-0.1s@0s", range(3)),
        ("long.avi#100.3s-100.4s@long.txt", range(3, 4)),
        ("long.avi#4-6,9@long.txt", (4, 5, 6, 9)),
    ],
)
def test_a_recording_may_be_cut_by_time(folder: Path, cell: str, frames: range) -> None:
    (folder / "long.txt").write_text("".join(f"{100 + at / 10}\n" for at in range(30)))
    reader = open_reader(folder / cell, IR)
    brightness = reader.read(range(reader.num_frames))[:, 0, 0, 0] / 5
    np.testing.assert_allclose(brightness, list(frames), atol=0.5)
    assert isinstance(reader, ChosenFrames)
    assert (reader.times is None) is ("@" not in cell)
    assert (reader.window is None) is ("s-" not in cell or "@" not in cell)


@pytest.mark.parametrize(
    ("cell", "match"),
    [
        ("long.avi#0.5s-2s", r"long\.avi#0\.5s-2s asks for more than its 1\.000 s: choose from there"),
        ("long.avi#-1s-0.5s", "asks for more than its"),
        ("long.avi#5s-6s@0s", r"has no frame in this time: its frames are from 0\.000 to 0\.967 s"),
        ("long.avi#0.501s-0.502s@0s", "has no frame in this time"),
    ],
)
def test_time_that_a_recording_does_not_have(folder: Path, cell: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        open_reader(folder / cell, IR)


def test_a_clock_speaks_of_all_images_of_a_folder(folder: Path) -> None:
    import cv2

    (folder / "clip").mkdir()
    for at in range(2, 8):
        cv2.imwrite(str(folder / "clip" / f"{at}.png"), np.full((8, 8), 10 * at, np.uint8))
    (folder / "clip.txt").write_text("".join(f"{at}.png {at}00\n" for at in range(2, 8)))
    assert times(folder, "clip@clip.txt:ms") == [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert times(folder, "clip#4-5@clip.txt:ms") == [0.4, 0.5]
    assert times(folder, "clip/*.png#4-5@../clip.txt:ms") == [0.4, 0.5]
    assert times(folder, "clip#4-5@1s+10fps") == [1.2, 1.3]
    assert open_reader(folder / "clip#0.35s-0.55s@clip.txt:ms", IR).read([0, 1])[:, 0, 0, 0].tolist() == [40, 50]

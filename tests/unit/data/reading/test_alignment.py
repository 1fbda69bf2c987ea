"""Clocks: streams of other rates, starts and lengths show the same moment."""

from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet, resolve
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.manifest import ClipRow, read_manifest, write_manifest
from actionmae.data.prepare.video_writer import write_gray_video
from actionmae.data.reading.alignment import Alignment
from actionmae.data.reading.readers import frame_times, open_reader
from helpers.rows import clip_row

SPECS = ModalitySet(
    [
        {"name": "ir", "shape": (1, 20, 20), "num_frames": 5},
        {
            "name": "left",
            "letter": "L",
            "kind": "frames",
            "shape": (1, 20, 20),
            "num_frames": 5,
            "value": "gray",
            "encoder": "x",
        },
        {"name": "inertial", "shape": (1, 3), "num_frames": 5},
    ]
)


def clock_frames(times: np.ndarray) -> np.ndarray:
    """[n, 24, 24] images that show the time: brightness 40 per second."""
    return np.broadcast_to(np.rint(40 * times)[:, None, None], (len(times), 24, 24)).astype(np.uint8)


@pytest.fixture
def row(tmp_path: Path) -> ClipRow:
    """30 fps from 0 s; 35 fps from 1.3 s by a log in ms, of which frames 10–119; a signal at 100 Hz from 0.5 s."""
    ir, left = np.arange(120) / 30, 1.3 + np.arange(140) / 35
    write_gray_video(tmp_path / "ir.avi", clock_frames(ir), 30.0)
    write_gray_video(tmp_path / "left.avi", clock_frames(left), 20.0)  # the header is wrong: the log counts
    (tmp_path / "left.csv").write_text(
        "frame,milliseconds\n" + "".join(f"{i},{1000 * t}\n" for i, t in enumerate(left))
    )
    np.save(tmp_path / "inertial.npy", 0.5 + np.arange(400)[:, None] / 100)
    files = {"ir": "ir.avi@0s", "left": "left.avi#10-119@left.csv", "inertial": "inertial.npy@0.5s+100fps"}
    return clip_row(sample="a", label="x", files={name: tmp_path / cell for name, cell in files.items()})


@pytest.mark.parametrize("options", [{"train": False}, {"train": True}, {"train": True, "cache": True}])
def test_all_streams_show_the_same_moments(row: ClipRow, options: dict[str, bool]) -> None:
    dataset = ClipDataset([row], ("x",), SPECS, **options)
    for epoch in range(3):
        dataset.set_epoch(epoch)
        clips = dataset[0].clips
        moments = clips["inertial"][:, 0, 1].numpy()  # of the window's centre
        for name in ("ir", "left"):
            np.testing.assert_allclose(clips[name][:, 0, 0, 0].numpy() / 40, moments, atol=0.05)
        assert moments.min() > 1.3 + 10 / 35 - 0.05
        assert moments.max() < 4.0 + 0.05, "the 30 fps stream ends first"
        assert np.ptp(moments) > 1


def test_streams_without_a_clock_are_spread_over_the_clip(row: ClipRow, tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.arange(100)[:, None])
    readers = {"ir": open_reader(row.files["ir"], SPECS["ir"]), "left": open_reader(row.files["left"], SPECS["left"])}
    readers["inertial"] = open_reader(tmp_path / "plain.npy", SPECS["inertial"])
    alignment = Alignment(readers)
    position = np.array([0.0, 0.5, 1.0])
    np.testing.assert_array_equal(alignment.positions("inertial", position), position)
    assert alignment.num_frames("inertial") == 100
    assert 60 < alignment.num_frames("ir") < 75  # 1.59–4 s of 0–4 s


def test_cells_with_clocks_survive_the_manifest(row: ClipRow, tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [row], ["x"])
    assert "left.avi#10-119@left.csv" in (tmp_path / "m.csv").read_text()
    again = read_manifest(tmp_path / "m.csv").rows[0]
    assert again.files == {name: cell.resolved() for name, cell in row.files.items()}


def test_names_may_contain_what_cells_mean(tmp_path: Path) -> None:
    odd = tmp_path / "anna@home #1-2*.avi"
    write_gray_video(odd, clock_frames(np.arange(3.0)), 30.0)
    odd.with_suffix(".txt").write_text("0.5\n0.7\n1.1\n")
    for ending in ("@anna@home #1-2*.txt", "#1-2@anna@home #1-2*.txt", "@0.5s", "#0-1@0.5s"):
        times = frame_times(open_reader(Path(f"{odd}{ending}"), resolve("ir")))
        assert times is not None
        assert times[0] == pytest.approx(0.7 if "#1-2@" in ending else 0.5)


def test_times_without_header_are_seconds(tmp_path: Path) -> None:
    write_gray_video(tmp_path / "a.avi", clock_frames(np.arange(3.0)), 30.0)
    (tmp_path / "a.txt").write_text("0.5\n0.7\n1.1\n\n")
    np.testing.assert_allclose(frame_times(open_reader(tmp_path / "a.avi@a.txt", resolve("ir"))), [0.5, 0.7, 1.1])
    assert frame_times(open_reader(tmp_path / "a.avi", resolve("ir"))) is None


SPELLINGS = (
    "seconds\n0.5\n0.7\n1.1\n",
    "\ufeffframe;timestamp_ms\r\n0;500\r\n1;700\r\n2;1100\r\n",
    "name\tTime (us)\na.png\t500000\nb.png\t700000\nc.png\t1100000\n",
    "t [ns],gain\n500000000,1\n700000000,1\n1100000000,2\n",
    "5e-1\n7e-1\n1.1\n",
)


@pytest.mark.parametrize("text", SPELLINGS)
def test_logs_are_tables_of_many_programs(tmp_path: Path, text: str) -> None:
    write_gray_video(tmp_path / "a.avi", clock_frames(np.arange(3.0)), 30.0)
    (tmp_path / "a.csv").write_bytes(text.encode())
    np.testing.assert_allclose(frame_times(open_reader(tmp_path / "a.avi@a.csv", resolve("ir"))), [0.5, 0.7, 1.1])


BAD = {
    "0.5\n0.4\n0.6": "goes back in time after 1 lines",
    "0.5\n0.6": "has 2 times for 3 frames: give one line per frame",
    "clock\n1\n2\n3": "begins with 'clock', no column of times: name one of them seconds, milliseconds",
    "": "is empty: give one line per frame",
    "1\nx\n3": "has a line without a time",
    "1\nnan\n3": "has a line without a time .NaN or infinite",
    "seconds,nanoseconds\n0,1\n0,2\n1,1": "several columns of times: name one of them seconds",
    "0 0.5\n1 0.6\n2 0.7": "begins with '0 0.5', no column of times: .* or give only numbers",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_logs_are_refused(tmp_path: Path, text: str) -> None:
    write_gray_video(tmp_path / "a.avi", clock_frames(np.arange(3.0)), 30.0)
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=BAD[text]):
        open_reader(tmp_path / "a.avi@a.txt", resolve("ir"))


def test_impossible_clocks_are_refused(tmp_path: Path) -> None:
    write_gray_video(tmp_path / "a.avi", clock_frames(np.arange(30.0)), 30.0)
    with pytest.raises(FileNotFoundError, match=r"times .*none\.txt do not exist"):
        open_reader(tmp_path / "a.avi@none.txt", resolve("ir"))
    for clock in ("@0.4", "@0fps", "@35 fps", "@times.log", "@"):
        with pytest.raises(ValueError, match=rf"a\.avi{clock} ends with no clock: write @0\.4s, @35fps"):
            open_reader(tmp_path / f"a.avi{clock}", resolve("ir"))
    (tmp_path / "a.txt").write_bytes("0.1\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"a\.txt is no UTF-8 text \(byte 0\): save it again as UTF-8"):
        open_reader(tmp_path / "a.avi@a.txt", resolve("ir"))
    np.save(tmp_path / "f.npy", np.zeros((5, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="has no frames per second of its own: write them into the cell, as in @0s"):
        open_reader(tmp_path / "f.npy@1s", resolve("ir"))
    readers = {
        "ir": open_reader(tmp_path / "a.avi@0s", SPECS["ir"]),
        "left": open_reader(tmp_path / "a.avi@9s", SPECS["left"]),
    }
    with pytest.raises(ValueError, match=r"left begins at 8\.983 s, after ir ended at 0\.983 s: their clocks"):
        Alignment(readers)

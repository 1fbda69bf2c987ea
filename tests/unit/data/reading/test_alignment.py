"""Clocks: recordings of other fps, starts and lengths show the same moment, each as if it were alone."""

from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet
from actionmae.data.cell import Cell
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.manifest import ClipRow, read_manifest, write_manifest
from actionmae.data.prepare.video_writer import write_gray_video
from actionmae.data.reading.alignment import clock_mismatch, own_positions, time_span
from actionmae.data.reading.readers import FrameReader, open_reader
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
WINDOW = "#1.6s-4s"


def clock_frames(times: np.ndarray) -> np.ndarray:
    """[n, 24, 24] images that show the time: brightness 40 per second."""
    return np.broadcast_to(np.rint(40 * times)[:, None, None], (len(times), 24, 24)).astype(np.uint8)


def write(folder: Path, choice: str) -> ClipRow:
    """30 fps from 0 s; 35 fps from 1.3 s by a log in ms; a signal at 100 Hz from 0.5 s: all by one clock."""
    ir, left = np.arange(120) / 30, 1.3 + np.arange(140) / 35
    write_gray_video(folder / "ir.avi", clock_frames(ir), 30.0)
    write_gray_video(folder / "left.avi", clock_frames(left), 20.0)  # the header is wrong: the log counts
    (folder / "left.csv").write_text("frame,milliseconds\n" + "".join(f"{i},{1000 * t}\n" for i, t in enumerate(left)))
    np.save(folder / "inertial.npy", 0.5 + np.arange(400)[:, None] / 100)
    cells = {"ir": "ir.avi{}@0s", "left": "left.avi{}@left.csv", "inertial": "inertial.npy{}@0.5s+100fps"}
    return clip_row(sample="a", label="x", files={name: folder / cell.format(choice) for name, cell in cells.items()})


@pytest.fixture
def row(tmp_path: Path) -> ClipRow:
    return write(tmp_path, WINDOW)


def readers_of(row: ClipRow) -> dict[str, FrameReader]:
    return {name: open_reader(cell, SPECS[name]) for name, cell in row.files.items()}


@pytest.mark.parametrize("options", [{"train": False}, {"train": True}, {"train": True, "cache": True}])
def test_recordings_of_one_time_show_the_same_moments(row: ClipRow, options: dict[str, bool]) -> None:
    dataset = ClipDataset([row], ("x",), SPECS, **options)
    for epoch in range(3):
        dataset.set_epoch(epoch)
        clips = dataset[0].clips
        moments = clips["inertial"][:, 0, 1].numpy()  # of the window's centre
        for name in ("ir", "left"):
            np.testing.assert_allclose(clips[name][:, 0, 0, 0].numpy() / 40, moments, atol=0.05)
        assert moments.min() > 1.6 - 0.02
        assert moments.max() < 4.0
        assert np.ptp(moments) > 1


@pytest.mark.parametrize("choice", [WINDOW, ""])
@pytest.mark.parametrize("cache", [False, True])
def test_what_is_seen_of_one_does_not_depend_on_the_others(tmp_path: Path, choice: str, cache: bool) -> None:
    row = write(tmp_path, choice)
    together = ClipDataset([row], ("x",), SPECS, train=False, cache=cache)
    for name in SPECS.names:
        alone = ClipDataset([row], ("x",), ModalitySet([SPECS[name].to_dict()]), train=False, cache=cache)
        for _ in range(2):  # from the file, then from the cache
            np.testing.assert_array_equal(together[0].clips[name].numpy(), alone[0].clips[name].numpy())


def test_a_recording_without_a_clock_is_spread_over_the_clip(row: ClipRow, tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.arange(100)[:, None])
    position = np.array([0.0, 0.5, 1.0])
    plain = open_reader(tmp_path / "plain.npy", SPECS["inertial"])
    assert time_span(plain) is None
    np.testing.assert_array_equal(own_positions(plain, position), position)
    readers = readers_of(row)
    assert {name: reader.num_frames for name, reader in readers.items()} == {"ir": 72, "left": 84, "inertial": 240}
    assert {time_span(reader) for reader in readers.values()} == {(1.6, 4.0)}
    np.testing.assert_allclose(own_positions(readers["ir"], position) * 72 - 0.5, [0, 36, 71], atol=0.01)


def test_a_recording_that_covers_a_part_of_the_time_gives_its_nearest_frame(tmp_path: Path) -> None:
    write_gray_video(tmp_path / "a.avi", clock_frames(np.arange(30) / 30), 30.0)
    reader = open_reader(tmp_path / "a.avi#0s-2s@0.5s", SPECS["ir"])
    assert reader.num_frames == 30
    places = own_positions(reader, np.linspace(0, 1, 5)) * 30 - 0.5
    np.testing.assert_allclose(places, [0, 0, 15, 29, 29], atol=1e-9)
    assert clock_mismatch({"ir": reader}) == "ir has frames from 0.48 to 1.48 s only of the clip's 0.00–2.00 s"


def test_different_times_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    row = write(tmp_path, "")
    expected = (
        "its recordings show different times (ir -0.02–3.98 s, left 1.29–5.29 s, inertial 0.49–4.50 s): write one into "
        "their cells, as #1.29s-3.98s"
    )
    assert clock_mismatch(readers_of(row)) == expected
    assert clock_mismatch(readers_of(write(tmp_path, WINDOW))) == ""
    dataset = ClipDataset([row, row], ("x",), SPECS, train=False)
    dataset.__getitems__([0, 1])
    assert [record.message for record in caplog.records] == [
        f"a, perhaps not alone: {expected}; `actionmae check` lists all such clips"
    ]


def test_clocks_that_never_meet_are_refused(tmp_path: Path) -> None:
    write_gray_video(tmp_path / "a.avi", clock_frames(np.arange(30.0)), 30.0)
    readers = {name: open_reader(tmp_path / f"a.avi@{start}s", SPECS[name]) for name, start in (("ir", 0), ("left", 9))}
    with pytest.raises(ValueError, match=r"left begins at 8\.983 s, after ir ended at 0\.983 s: their clocks"):
        clock_mismatch(readers)


def test_cells_with_clocks_survive_the_manifest(row: ClipRow, tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [row], ["x"])
    assert "left.avi#1.6s-4s@left.csv" in (tmp_path / "m.csv").read_text()
    again = read_manifest(tmp_path / "m.csv").rows[0]
    assert again.files == {name: cell.resolved() for name, cell in row.files.items()}
    (tmp_path / "left.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"left of sample 'a' in .*m\.csv does not exist: .*left\.csv"):
        read_manifest(tmp_path / "m.csv")
    with pytest.raises(FileNotFoundError, match=r"the times .*left\.csv of left recording .* do not exist"):
        open_reader(Cell(row.files["left"].path, clock=row.files["left"].clock), SPECS["left"])

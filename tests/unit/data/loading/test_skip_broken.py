"""A recording that cannot be read counts as missing, where that is asked for, and is told once."""

from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet
from actionmae.data.loading.broken import log_broken
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.loading.loader import ClipLoader
from actionmae.data.manifest import ClipRow
from actionmae.data.prepare.video_writer import write_color_video
from helpers.rows import clip_row

MODALITIES = ModalitySet(
    [
        {"name": "rgb", "shape": [3, 16, 16], "num_frames": 3, "encoder": "grid_cnn"},
        {"name": "inertial", "shape": [2, 4], "num_frames": 3},
    ]
)
WAYS = [
    {"train": train, "cache": cache, "frames": "uniform" if not train else "random"}
    for train in (False, True)
    for cache in (False, True)
]


@pytest.fixture
def rows(tmp_path: Path) -> list[ClipRow]:
    """a is whole; b's video breaks off at frame 4 of 6; c's signal is gone; nothing of d can be read."""
    rng = np.random.default_rng(0)
    rows = []
    for name in "abcd":
        write_color_video(tmp_path / f"{name}.avi", rng.integers(1, 255, (6, 24, 24, 3)).astype(np.uint8), 30.0)
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(20, 2)))
        files = {"rgb": tmp_path / f"{name}.avi", "inertial": tmp_path / f"{name}.npy"}
        rows.append(clip_row(sample=name, label="x", files=files))
    video = bytearray((tmp_path / "b.avi").read_bytes())
    for at in (at for at in range(len(video)) if video[at : at + 4] == b"00dc"):
        last = at
    start = video.index(b"movi")
    video[start + (last - start) * 3 // 5 : last] = bytes(last - start - (last - start) * 3 // 5)
    (tmp_path / "b.avi").write_bytes(video)
    (tmp_path / "c.npy").unlink()
    (tmp_path / "d.avi").write_bytes(b"broken")
    (tmp_path / "d.npy").write_bytes(b"broken")
    return rows


@pytest.mark.parametrize("ways", WAYS, ids=str)
def test_broken_recordings_count_as_missing(
    rows: list[ClipRow], ways: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    dataset = ClipDataset(rows, ("x",), MODALITIES, skip_broken=True, **ways)
    for _ in range(2):
        batch = dataset.__getitems__([3, 1, 0, 2])
        assert batch is not None
        assert batch.sample_ids == ["b", "a", "c"], "nothing of d is left"
        assert batch.available.tolist() == [[False, True], [True, True], [True, False]]
        assert batch.clips["rgb"].shape[:2] == (3, 3)
        assert not batch.clips["rgb"][0].any(), "what was decoded before the break is not shown"
        assert batch.clips["rgb"][1].any()
        whole = ClipDataset(rows[:1], ("x",), MODALITIES, **ways).__getitems__([0])
        assert whole is not None
        for name in MODALITIES.names:
            np.testing.assert_array_equal(batch.clips[name][1], whole.clips[name][0])
    assert dataset.broken.keys() == {("b", "rgb"), ("c", "inertial"), ("d", "rgb"), ("d", "inertial")}
    told = [record.message for record in caplog.records if "counts as missing" in record.message]
    assert len(told) == 1
    assert told[0].startswith("d rgb counts as missing, perhaps not alone (")
    instead = dataset.__getitems__([3])
    assert (instead and instead.sample_ids) == (["a"] if ways["train"] else None)
    with pytest.raises(ValueError, match="nothing of clip 'd' can be read: leave it out of the manifest"):
        dataset[3]
    dataset.preload()


@pytest.mark.parametrize("ways", WAYS, ids=str)
def test_clocks_that_never_meet_count_as_missing(tmp_path: Path, ways: dict[str, object]) -> None:
    """Which of the two is wrong nobody can say; what has no clock is whole."""
    for name, count in (("inertial", 20), ("second", 20), ("third", 30)):
        np.save(tmp_path / f"{name}.npy", np.ones((count, 2)))
    cells = {"inertial": "@0s+10fps", "second": "@9s+10fps", "third": ""}
    modalities = ModalitySet(
        [{**MODALITIES["inertial"].to_dict(), "name": name, "letter": name[0].upper()} for name in cells]
    )
    row = clip_row(sample="a", label="x", files={name: tmp_path / f"{name}.npy{cell}" for name, cell in cells.items()})
    dataset = ClipDataset([row], ("x",), modalities, skip_broken=True, **ways)
    for _ in range(2):
        batch = dataset.__getitems__([0])
        assert batch is not None
        assert batch.available.tolist() == [[False, False, True]]
    assert dataset.broken.keys() == {("a", "inertial"), ("a", "second")}
    with pytest.raises(
        ValueError, match=r"clip 'a': second begins at 8\.950 s, after inertial ended at 1\.950 s: their"
    ):
        ClipDataset([row], ("x",), modalities, **ways).__getitems__([0])


@pytest.mark.parametrize("ways", WAYS, ids=str)
def test_without_being_asked_for_they_stop_everything(rows: list[ClipRow], ways: dict[str, object]) -> None:
    dataset = ClipDataset(rows, ("x",), MODALITIES, **ways)
    for index, match in ((1, r"b\.avi"), (2, r"c\.npy does not exist"), (3, r"d\.avi")):
        with pytest.raises((ValueError, FileNotFoundError), match=match):
            dataset.__getitems__([index])
    assert dataset.broken == {}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_brings_what_its_workers_find(
    rows: list[ClipRow], workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = ClipDataset(rows, ("x",), MODALITIES, train=False, skip_broken=True)
    loader = ClipLoader(dataset, num_workers=workers, batch_size=1, shuffle=False)
    for _ in range(2):
        assert [batch.sample_ids for batch in loader] == [["a"], ["b"], ["c"]]
    assert dataset.broken.keys() == {("b", "rgb"), ("c", "inertial"), ("d", "rgb"), ("d", "inertial")}
    assert len([record for record in caplog.records if "counts as missing" in record.message]) == 1


def test_training_with_nothing_that_can_be_read_is_one_sentence(rows: list[ClipRow]) -> None:
    dataset = ClipDataset(rows[3:], ("x",), MODALITIES, train=True, skip_broken=True)
    with pytest.raises(ValueError, match=r"none of the 1 training clips can be read; the first error was: .*d\.avi"):
        dataset.__getitems__([0])


def test_the_list_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    log_broken({}, "test")
    assert not caplog.records
    log_broken({("b", "rgb"): "too short", ("a", "depth"): "no video"}, "test")
    assert caplog.messages == [
        "broken recordings of the test clips counted as missing (2):\n"
        "  a without depth: no video\n  b without rgb: too short"
    ]


def test_arguments_are_checked(rows: list[ClipRow]) -> None:
    with pytest.raises(ValueError, match="seed is -1: give at least 0"):
        ClipDataset(rows, ("x",), MODALITIES, train=True, seed=-1)

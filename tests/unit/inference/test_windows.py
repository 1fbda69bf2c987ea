"""Long recordings: which frames a window has, and how windows become segments."""

from pathlib import Path

import numpy as np
import pytest

from actionmae.data.loading.clip_frames import read_at
from actionmae.data.reading.readers import ArrayReader, ChosenFrames, open_reader
from actionmae.inference import Prediction
from actionmae.inference.windows import Window, merge_windows, slide
from helpers.tiny_models import vectors


def numbered(num_frames: int, fps: float | None) -> ArrayReader:
    return ArrayReader(np.arange(num_frames, dtype=np.float32)[:, None], fps)


def frames(window: Window, name: str) -> list[int]:
    reader = window.readers[name]
    return [int(value) for value in reader.read(range(reader.num_frames))[:, 0]]


def test_windows_cover_the_recording_and_the_last_one_ends_with_it() -> None:
    found = list(slide({"fast": numbered(70, 10.0), "slow": numbered(14, None)}, window=2.0, stride=1.5))
    assert [(each.start, each.end) for each in found] == [(0, 2), (1.5, 3.5), (3, 5), (4.5, 6.5), (5, 7)]
    assert frames(found[0], "fast") == list(range(20))
    assert frames(found[1], "fast") == list(range(15, 35))
    assert frames(found[1], "slow") == [3, 4, 5, 6]
    assert frames(found[-1], "fast") == list(range(50, 70))
    assert [image[0] for image in found[1].readers["slow"].images([0, 3])] == [3, 6]


def test_a_short_recording_is_one_window() -> None:
    (only,) = slide({"fast": numbered(15, 10.0)}, window=2.0, stride=1.0)
    assert (only.start, only.end) == (0, 1.5)
    assert frames(only, "fast") == list(range(15))


def test_a_sensor_without_a_frame_in_a_window_is_missing_there(tmp_path: Path) -> None:
    """One begins 2 s after the other."""
    sound, touch, _ = vectors()
    np.save(tmp_path / "sound.npy", np.zeros((40, 5), dtype=np.float32))
    np.save(tmp_path / "touch.npy", np.zeros((20, 4), dtype=np.float32))
    readers = {
        "sound": open_reader(f"{tmp_path}/sound.npy@10fps", sound),
        "touch": open_reader(f"{tmp_path}/touch.npy@2s+10fps", touch),
    }
    found = list(slide(readers, window=1.0, stride=1.0))
    assert [sorted(each.readers) for each in found] == [["sound"]] * 2 + [["sound", "touch"]] * 2


def test_in_a_window_every_sensor_shows_the_same_moments() -> None:
    """Signals that say their own time, by clocks of other beginnings and unequal steps."""
    steady, uneven = np.arange(200) / 20, 2.5 + np.cumsum(np.linspace(0.02, 0.18, 80))
    readers = {}
    for name, times in (("steady", steady), ("uneven", uneven)):
        whole = ArrayReader(times[:, None].astype(np.float32), None)
        readers[name] = ChosenFrames(whole, np.arange(len(times)), times, None)
    shared = [each for each in slide(readers, window=2.0, stride=1.0) if 2.5 < each.start < 7.5]
    assert len(shared) == 5
    for each in shared:
        seen = {
            name: read_at(reader, spec, np.array([0.1, 0.5, 0.9]))[:, 0]
            for (name, reader), spec in zip(each.readers.items(), vectors(), strict=False)
        }
        np.testing.assert_allclose(seen["steady"], each.start + np.array([0.2, 1.0, 1.8]), atol=0.03)
        np.testing.assert_allclose(seen["uneven"], seen["steady"], atol=0.12)


@pytest.mark.parametrize(("window", "stride"), [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_lengths_must_be_above_0(window: float, stride: float) -> None:
    with pytest.raises(ValueError, match="give numbers above 0"):
        list(slide({"fast": numbered(15, 10.0)}, window=window, stride=stride))


def test_a_stride_below_half_a_frame_is_refused() -> None:
    readers = {"fast": numbered(20, 10.0), "slow": numbered(4, 2.0)}
    assert len(list(slide(readers, window=1.0, stride=0.05))) == 21
    with pytest.raises(ValueError, match=r"stride is 1e-12 s: give at least 0.05 s, half a frame"):
        next(slide(readers, window=1.0, stride=1e-12))


def test_some_sensor_must_know_its_time() -> None:
    with pytest.raises(ValueError, match=r"none of a, b knows its frames per second: .* as in a.npy@30fps"):
        list(slide({"a": numbered(15, None), "b": numbered(5, None)}, window=1.0, stride=1.0))


def answer(label: str, probability: float = 0.5, *, sure: bool = True) -> Prediction:
    return Prediction(classes=(label,), probabilities=(probability,), available=("a",), missing=(), sure=sure)


def test_windows_of_one_answer_become_one_segment() -> None:
    windows = [Window(start=at, end=at + 2, readers={}) for at in (0.0, 1.0, 2.0, 3.0, 8.0)]
    answers = [answer("wave", 0.4), answer("wave", 0.6), answer("sit"), answer("sit", sure=False), answer("sit")]
    found = merge_windows(list(zip(windows, answers, strict=True)))
    assert [(each.start, each.end, each.label) for each in found] == [
        (0.0, 2.5, "wave"),
        (2.5, 3.5, "sit"),
        (3.5, 5.0, None),
        (8.0, 10.0, "sit"),
    ]
    assert found[0].probability == pytest.approx(0.5)
    assert found[0].to_dict()["label"] == "wave"

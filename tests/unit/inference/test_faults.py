"""Each fault does what its name says, to a recording whose numbers are known."""

from typing import Any

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.reading.readers import ArrayReader, ChosenFrames, FrameReader
from actionmae.inference.faults import FAULTS, Degraded
from actionmae.inference.kept_frames import KeptFrames
from actionmae.inference.since import Since

SPECS = ModalitySet(["rgb", "depth", "skeleton", "inertial"])
RNG = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    "rgb": RNG.integers(1, 200, (20, 32, 40, 3)).astype(np.uint8),
    "depth": RNG.integers(500, 4000, (20, 32, 40, 1)).astype(np.uint16),
    "skeleton": RNG.normal(size=(20, 2, 25, 3)).astype(np.float32),
    "inertial": RNG.normal(size=(20, 6)).astype(np.float32),
}
EVERY = np.arange(20)


def degraded(name: str, modality: str, severity: int, fps: float | None = 10.0) -> FrameReader | None:
    (fault,) = (each for each in FAULTS if each.name == name)
    spec: ModalitySpec = SPECS[modality]
    level = fault.levels_for(spec)[severity - 1]
    reader = ArrayReader(ARRAYS[modality], fps)
    return fault.apply(Degraded(reader=reader, spec=spec, level=level, key=("test", name)))


def read(name: str, modality: str, severity: int) -> Any:
    reader = degraded(name, modality, severity)
    assert reader is not None
    found = reader.read(EVERY)
    assert found.dtype == ARRAYS[modality].dtype
    assert found.shape == ARRAYS[modality].shape
    np.testing.assert_array_equal(np.stack(list(reader.images(EVERY))), found)
    return found


CASES = [(fault.name, spec.name) for fault in FAULTS for spec in SPECS if fault.levels_for(spec)]


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_every_fault_changes_more_the_more_severe_it_is(name: str, modality: str) -> None:
    clean = ARRAYS[modality].astype(np.float64)
    changes = [np.abs(read(name, modality, severity) - clean).mean() for severity in (3, 5)]
    assert changes[0] > 0
    assert changes[0] < changes[1] or name in ("shift", "wrong_units", "low_fps")
    np.testing.assert_array_equal(read(name, modality, 3), read(name, modality, 3))


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_a_degraded_recording_keeps_its_clock(name: str, modality: str) -> None:
    (fault,) = (each for each in FAULTS if each.name == name)
    times = 3 + np.sqrt(EVERY)
    reader = ChosenFrames(ArrayReader(ARRAYS[modality], 10.0), EVERY, times, (3.5, 6.0))
    changed = fault.apply(
        Degraded(reader=reader, spec=SPECS[modality], level=fault.levels_for(SPECS[modality])[0], key=(name,))
    )
    assert changed is not None
    for each in (changed, KeptFrames(changed), Since(reader, changed, 7)):
        assert (each.times, each.window) == (reader.times, (3.5, 6.0))


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_spans_are_at_the_end(severity: int) -> None:
    first = 20 - 4 * severity
    black, frozen = read("black", "rgb", severity), read("frozen", "inertial", severity)
    assert not black[first:].any()
    np.testing.assert_array_equal(black[:first], ARRAYS["rgb"][:first])
    assert (frozen[first:] == ARRAYS["inertial"][first]).all()
    np.testing.assert_array_equal(frozen[:first], ARRAYS["inertial"][:first])
    assert not read("flat", "inertial", severity)[first:].any()


def test_time_and_units() -> None:
    np.testing.assert_array_equal(read("shift", "skeleton", 5)[10:], ARRAYS["skeleton"][:10])
    np.testing.assert_array_equal(read("low_fps", "rgb", 2), ARRAYS["rgb"][EVERY // 4 * 4])
    np.testing.assert_allclose(read("wrong_units", "skeleton", 5), ARRAYS["skeleton"] * 1000, rtol=1e-6)
    assert read("wrong_units", "depth", 5).max() == 4
    assert degraded("shift", "rgb", 1, fps=None) is None


def test_holes_and_covers_have_their_size() -> None:
    assert (read("holes", "depth", 3) == 0).mean() == pytest.approx(0.5, abs=0.1)
    assert (read("occlusion", "rgb", 3) == 0).mean() == pytest.approx(0.4, abs=0.1)
    assert np.abs(read("saturated", "inertial", 5)).max() == pytest.approx(0.1 * np.abs(ARRAYS["inertial"]).max())

"""Sensors that go off or break from a moment on."""

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet
from actionmae.data.reading.readers import FrameReader, array_reader
from actionmae.inference.predictor import Predictor
from actionmae.inference.what_if import Switch, switched, trace
from helpers.tiny_models import tiny_classifier
from helpers.tiny_recordings import MODALITIES

SPECS = ModalitySet([each | {"fps": 10.0} for each in MODALITIES])
BY_NAME = {spec.name: spec for spec in SPECS}


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"inertial": rng.normal(size=(40, 6)).astype("f4"), "sound": rng.normal(size=(40, 5)).astype("f4")}


@pytest.fixture
def readers(arrays: dict[str, np.ndarray]) -> dict[str, FrameReader]:
    return {name: array_reader(array, BY_NAME[name]) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(tiny_classifier(SPECS, action_mae=True))


def read(readers: dict[str, FrameReader], name: str, switch: Switch) -> np.ndarray:
    reader = switched(readers, {name: switch}, BY_NAME)[name]
    return reader.read(np.arange(reader.num_frames))


def test_each_state_begins_at_its_moment(arrays: dict[str, np.ndarray], readers: dict[str, FrameReader]) -> None:
    sound = arrays["sound"]
    assert np.array_equal(read(readers, "sound", Switch()), sound)
    assert np.array_equal(read(readers, "sound", Switch(state="off", since=1.0)), sound[:10])
    flat = read(readers, "sound", Switch(state="flat", since=1.0))
    assert np.array_equal(flat[:10], sound[:10])
    assert not flat[10:].any()
    frozen = read(readers, "sound", Switch(state="frozen", since=1.0))
    assert np.array_equal(frozen, sound[np.minimum(np.arange(40), 10)])
    noisy = read(readers, "sound", Switch(state="noise", since=1.0, severity=5))
    assert np.array_equal(noisy[:10], sound[:10])
    assert (noisy[10:] != sound[10:]).all()
    late = read(readers, "sound", Switch(state="shift", since=2.0, severity=5))
    assert np.array_equal(late[20:], sound[10:30])
    assert "sound" not in switched(readers, {"sound": Switch(state="off")}, BY_NAME)


def test_the_last_moment_is_the_prediction_of_the_whole_clip(
    arrays: dict[str, np.ndarray], readers: dict[str, FrameReader], predictor: Predictor
) -> None:
    found = trace(predictor, readers, {}, num_moments=4)
    whole = predictor.predict(top=5, **arrays)
    assert [moment.time for moment in found.moments] == pytest.approx([1, 2, 3, 4])
    assert found.subset == "A+X"
    assert found.prediction.classes == whole.classes
    assert found.prediction.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
    half = predictor.predict(top=5, **{name: array[:20] for name, array in arrays.items()})
    assert sorted(found.moments[1].probabilities)[::-1] == pytest.approx(half.probabilities, abs=1e-6)


def test_a_sensor_that_is_off_is_missing_and_its_token_is_rebuilt(
    arrays: dict[str, np.ndarray], readers: dict[str, FrameReader], predictor: Predictor
) -> None:
    found = trace(predictor, readers, {"sound": Switch(state="off")}, num_moments=2)
    assert found.prediction.missing == ("sound",)
    assert [vote.modality for vote in found.prediction.votes] == ["inertial"]
    rebuilt = predictor.embed(inertial=arrays["inertial"])["sound"]
    real = predictor.embed(**arrays)["sound"]
    cosine = rebuilt @ real / np.linalg.norm(rebuilt) / np.linalg.norm(real)
    assert found.distances == {"sound": pytest.approx(1 - cosine, abs=1e-5)}


def test_a_sliding_window_forgets(readers: dict[str, FrameReader], predictor: Predictor) -> None:
    found = trace(predictor, readers, {"sound": Switch(state="off", since=1.0)}, num_moments=4, window=1.0)
    assert [moment.sensors for moment in found.moments] == [("inertial", "sound")] + [("inertial",)] * 3


def test_without_actionmae_nothing_is_rebuilt(readers: dict[str, FrameReader]) -> None:
    assert trace(Predictor(tiny_classifier(SPECS)), readers, {}).distances == {}


@pytest.mark.parametrize(
    ("switches", "options", "message"),
    [
        ({"sound": Switch(state="black")}, {}, "sound cannot be 'black': choose on, off, flat, frozen, noise"),
        ({"sound": Switch(state="noise", severity=6)}, {}, "severity is 6: give 1 to 5"),
        ({name: Switch(state="off") for name in BY_NAME}, {}, "no sensor is left .*: switch one on"),
        ({}, {"window": -1.0}, "window is -1.0 s: give a number above 0"),
    ],
)
def test_bad_switches_are_one_sentence(
    readers: dict[str, FrameReader],
    predictor: Predictor,
    switches: dict[str, Switch],
    options: dict[str, float],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        trace(predictor, readers, switches, **options)


def test_a_clip_of_other_sensors_is_refused(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="the clip has none of inertial, sound: give at least one recording"):
        trace(predictor, {}, {})


def test_values_too_large_for_the_model_are_one_sentence(arrays: dict[str, np.ndarray], predictor: Predictor) -> None:
    huge = np.resize(np.float32([1e30, -1e30, 1e30]), arrays["sound"].shape)
    readers = {"sound": array_reader(huge, BY_NAME["sound"])}
    with pytest.raises(ValueError, match="no answer about the clip can be computed: the model computes nothing finite"):
        trace(predictor, readers, {})

import dataclasses
import json
import re
from typing import Any

import pytest

from actionmae.core.modality import (
    KINECT_V1_MIRROR,
    KINECT_V2_MIRROR,
    Mirror,
    ModalitySet,
    ModalitySpec,
    register,
    registered,
    registry,
    resolve,
)
from helpers.bypass import with_fields

THERMAL: dict[str, Any] = {
    "name": "thermal",
    "letter": "T",
    "kind": "frames",
    "shape": (3, 64, 64),
    "value": "gray",
    "encoder": "resnet18",
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "my sensor"}, "modality name 'my sensor' is not an identifier: use letters"),
        ({"name": ""}, "modality name '' is not an identifier"),
        ({"letter": "t"}, "modality 'thermal' has letter 't': give one capital letter"),
        ({"letter": "TH"}, "has letter 'TH': give one capital letter A–Z, or a letter and a number as in A2"),
        ({"letter": "T100"}, "has letter 'T100': give one capital letter"),
        ({"letter": "2T"}, "has letter '2T': give one capital letter"),
        ({"letter": "T\n"}, "has letter 'T\\n': give one capital letter"),
        ({"kind": "video"}, "has kind 'video': choose one of frames, joints, signal, features"),
        ({"shape": (64, 64)}, "(frames) has shape (64, 64): give (C, H, W), all at least 1"),
        ({"shape": (3, 0, 64)}, "(frames) has shape (3, 0, 64): give (C, H, W)"),
        ({"kind": "features", "value": "raw", "shape": (3, 4)}, "(features) has shape (3, 4): give (C,)"),
        (
            {"shape": (3, 10**9, 10**9)},
            "give a smaller shape or fewer frames, no clip has more",
        ),
        ({"kind": "joints", "value": "metres", "shape": (2, 25, 2)}, "(joints) has shape (2, 25, 2): give (P, J, 3)"),
        ({"num_frames": 0}, "has num_frames 0: give at least 1"),
        ({"value": "metres"}, "(frames) has value 'metres': choose one of color, gray, depth, flow"),
        (
            {"value": "depth", "value_range": (5.0, 5.0)},
            "has value_range (5.0, 5.0): give two numbers, the smaller",
        ),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        with_fields(ModalitySpec(**THERMAL), **change).__post_init__()


MIRRORED: dict[str, dict[str, Any]] = {
    "frames": THERMAL,
    "joints": THERMAL | {"kind": "joints", "shape": (1, 3, 3), "value": "metres"},
    "signal": THERMAL | {"kind": "signal", "shape": (2, 8), "value": "raw"},
    "features": THERMAL | {"kind": "features", "shape": (4,), "value": "raw"},
}


@pytest.mark.parametrize(
    ("kind", "mirror", "sentence"),
    [
        ("joints", {"permutation": (0, 1)}, "and a mirror whose permutation has 2 numbers: give mirror as well, with"),
        ("joints", {"permutation": (0, 0, 0)}, "permutation is (0, 0, 0): give mirror as well, with each of 0 to 2"),
        ("joints", {"permutation": (0, 1, 3)}, "permutation is (0, 1, 3): give mirror as well, with each of 0 to 2"),
        ("joints", {"negate": (3,)}, "negate is (3,): give mirror as well, with numbers from 0 to 2 in it, or null"),
        ("joints", {"negate": (-1,)}, "negate is (-1,): give mirror as well, with numbers from 0 to 2 in it, or null"),
        ("signal", {"permutation": (0, 1, 2)}, "permutation has 3 numbers: give mirror as well, with each of 0 to 1"),
        ("signal", {"negate": (0, 2)}, "negate is (0, 2): give mirror as well, with numbers from 0 to 1 in it"),
        (
            "frames",
            {"permutation": (0, 2, 1)},
            "(3, 64, 64) and a mirror whose permutation has 3 numbers: leave it out",
        ),
        ("frames", {"negate": (3,)}, "negate is (3,): give mirror as well, with numbers from 0 to 2 in it, or null"),
        ("features", {"permutation": (0, 1, 2, 3)}, "permutation has 4 numbers: leave it out"),
        ("features", {"negate": (0,)}, "has shape (4,) and a mirror whose negate is (0,): leave it out"),
    ],
)
def test_a_mirror_that_does_not_fit_the_shape_is_refused(kind: str, mirror: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        ModalitySpec(**MIRRORED[kind], mirror=Mirror(**mirror))


def test_who_changes_the_joints_of_a_known_modality_gives_their_mirror() -> None:
    sentence = (
        "modality 'skeleton' (joints) has shape (2, 20, 3) and a mirror whose permutation has 25 numbers: give mirror "
        "as well, with each of 0 to 19 once in it, or null"
    )
    with pytest.raises(ValueError, match=re.escape(sentence)):
        resolve({"name": "skeleton", "shape": [2, 20, 3]})
    mirror = {"permutation": list(KINECT_V1_MIRROR.permutation), "negate": [0]}
    assert resolve({"name": "skeleton", "shape": [2, 20, 3], "mirror": mirror}).mirror == KINECT_V1_MIRROR
    assert resolve({"name": "skeleton", "shape": [2, 20, 3], "mirror": None}).mirror is None
    assert resolve({"name": "skeleton", "shape": [1, 25, 3]}).mirror == KINECT_V2_MIRROR


def test_what_was_saved_with_a_mirror_that_does_not_fit_stays_readable() -> None:
    saved = resolve({"name": "skeleton", "shape": [2, 20, 3], "mirror": None}).to_dict()
    before = ModalitySet.from_list([saved])
    assert ModalitySet.from_list([saved | {"mirror": dataclasses.asdict(KINECT_V2_MIRROR)}]) == before
    with pytest.raises(ValueError, match="has letter 's': give one capital letter"):
        ModalitySet.from_list([saved | {"letter": "s"}])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 5}, "modality {'name': 5} has no name: give rgb, or {name: rgb, …}"),
        ({"letter": 5}, "modality field 'letter' is 5: give a text"),
        ({"shape": 5}, "field 'shape' is 5: give whole numbers"),
        ({"shape": [3, 2.5, 2]}, "field 'shape' is (3, 2.5, 2): give whole numbers"),
        ({"num_frames": "8"}, "field 'num_frames' is '8': give a whole number"),
        (
            {"value_range": [500]},
            "field 'value_range' is (500,): give two numbers, or null",
        ),
        ({"fps": -1}, "field 'fps' is -1: give a number above 0, or null"),
        ({"mirror": 5}, "field 'mirror' is 5: give lists of whole numbers for permutation and negate, or null"),
        ({"mirror": {"axis": [0]}}, "field 'mirror' is {'axis': [0]}: give lists of whole numbers"),
        ({"mirror": {"negate": 0}}, "field 'mirror' is {'negate': 0}: give lists of whole numbers"),
    ],
)
def test_what_stands_in_yaml_and_is_of_another_type_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        ModalitySet([{"name": "rgb", **change}])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": None}, "modality field 'name' is None: give a text"),
        ({"encoder": 5}, "modality field 'encoder' is 5: give a text"),
        ({"shape": (3, 64.0, 64)}, "modality field 'shape' is (3, 64.0, 64): give whole numbers"),
        ({"shape": (3, True, 64)}, "modality field 'shape' is (3, True, 64): give whole numbers"),
        ({"num_frames": float("nan")}, "modality field 'num_frames' is nan: give a whole number"),
        ({"num_frames": True}, "modality field 'num_frames' is True: give a whole number"),
        ({"value_range": (1,)}, "modality field 'value_range' is (1,): give two numbers, or null"),
        ({"value_range": (0, float("inf"))}, "modality field 'value_range' is (0, inf): give two numbers, or null"),
        ({"fps": 0}, "modality field 'fps' is 0: give a number above 0, or null"),
        ({"fps": float("nan")}, "modality field 'fps' is nan: give a number above 0, or null"),
        ({"mirror": "x"}, "modality field 'mirror' is 'x': give lists of whole numbers for permutation"),
    ],
)
def test_the_constructor_refuses_other_types(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        with_fields(ModalitySpec(**THERMAL), **change).__post_init__()


def test_lists_and_mappings_may_stand_for_tuples_and_mirrors() -> None:
    spec = with_fields(ModalitySpec(**THERMAL), shape=[3, 64, 64], value_range=[0, 5], mirror={})
    spec.__post_init__()
    assert (spec.shape, spec.value_range, spec.mirror) == ((3, 64, 64), (0.0, 5.0), Mirror())


def test_a_spec_survives_json() -> None:
    for name in registered():
        spec = resolve(name)
        assert ModalitySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_saved_spec_of_format_1_says_rate() -> None:
    saved = resolve("skeleton").to_dict()
    saved["rate"] = saved.pop("fps")
    assert ModalitySpec.from_dict(saved) == resolve("skeleton")


def test_a_saved_spec_that_lacks_fields_is_refused() -> None:
    sentence = (
        "the definition of modality 'x' has no letter, kind, shape, value, encoder: give all of name, letter, kind"
    )
    with pytest.raises(ValueError, match=sentence):
        ModalitySpec.from_dict({"name": "x"})
    with pytest.raises(ValueError, match="the definition of modality None has no name: give all of name, letter"):
        ModalitySpec.from_dict({key: value for key, value in THERMAL.items() if key != "name"})
    assert ModalitySpec.from_dict(THERMAL) == ModalitySpec(**THERMAL)


def test_an_unknown_field_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match=r"unknown modality field 'num_frame' \(did you mean 'num_frames'\?\): known"):
        ModalitySet([{"name": "rgb", "num_frame": 8}])


def test_a_mapping_changes_a_registered_spec_or_stands_for_itself() -> None:
    assert resolve({"name": "depth", "num_frames": 8}) == dataclasses.replace(resolve("depth"), num_frames=8)
    assert resolve(THERMAL) == ModalitySpec(**THERMAL)
    assert "thermal" not in registered()


def test_unknown_names_are_refused_with_a_suggestion() -> None:
    with pytest.raises(
        ValueError,
        match=r"unknown modality 'rbg' \(did you mean 'rgb'\?\): known are rgb, .*; a new one is defined by name",
    ):
        resolve("rbg")


def test_a_definition_that_lacks_a_field_names_it() -> None:
    lacking = {name: value for name, value in THERMAL.items() if name not in ("letter", "value")}
    with pytest.raises(
        ValueError, match=r"'thermal' is not known, and its definition has no letter, value: give all of"
    ):
        resolve(lacking)


def test_known_specs_come_before_the_registered_ones() -> None:
    gray = resolve({"name": "depth", "value": "gray"})
    thermal = ModalitySpec(**THERMAL)
    modalities = ModalitySet(
        ["rgb", {"name": "depth", "num_frames": 8}, "thermal"], {"depth": gray, "thermal": thermal}
    )
    assert list(modalities) == [resolve("rgb"), dataclasses.replace(gray, num_frames=8), thermal]


@pytest.mark.parametrize(
    ("specs", "sentence"),
    [
        ([], "no modality was given: name at least one"),
        (["rgb", "rgb"], "modality name 'rgb' is used twice"),
        ([{**THERMAL, "letter": "R"}, "rgb"], "modality letter 'R' is used twice in ['R', 'R']"),
    ],
)
def test_a_set_is_never_empty_or_ambiguous(specs: list[Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        ModalitySet(specs)


def test_a_set_keeps_its_order() -> None:
    modalities = ModalitySet(["ir", "rgb", "skeleton"])
    assert modalities.names == ("ir", "rgb", "skeleton")
    assert modalities.letters == ("I", "R", "S")
    assert modalities.index("rgb") == 1
    assert modalities["rgb"] is modalities[1]
    assert [spec.name for spec in modalities] == ["ir", "rgb", "skeleton"]
    assert len(modalities) == 3
    assert "depth" not in modalities
    assert repr(modalities) == "ModalitySet(I+R+S: ir, rgb, skeleton)"
    assert modalities != ModalitySet(["rgb", "ir", "skeleton"])
    assert hash(modalities) == hash(ModalitySet.from_list(modalities.to_list()))


@pytest.mark.parametrize("word", ["dept", "D"])
def test_an_index_that_does_not_exist_is_refused(word: str) -> None:
    with pytest.raises(
        ValueError, match=rf"unknown modality '{word}' \(did you mean 'depth'\?\): this model has rgb, depth"
    ):
        ModalitySet(["rgb", "depth"]).index(word)


def test_registering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    spec = register(ModalitySpec(**THERMAL))
    assert resolve("thermal") == spec
    with pytest.raises(ValueError, match="modality 'thermal' is already registered: choose another name"):
        register(spec)


def test_mirroring_twice_is_nothing() -> None:
    for mirror in (KINECT_V1_MIRROR, KINECT_V2_MIRROR):
        order = mirror.permutation
        assert [order[at] for at in order] == list(range(len(order)))
    assert Mirror() == Mirror(permutation=(), negate=())

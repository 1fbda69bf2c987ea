"""Modalities that do not go together, or not with the classes."""

from typing import Any

import pytest

from actionmae.core.modality import resolve
from actionmae.data.check.modalities import check_modalities


def _found(*specs: str | dict[str, Any], classes: tuple[str, ...] = ("wave",)) -> list[tuple[str, str, str]]:
    resolved = [resolve(spec) for spec in specs]
    findings = check_modalities({spec.name: spec for spec in resolved}, classes)
    return [(finding.level, finding.kind, finding.text) for finding in findings]


def test_the_registered_ones_go_together() -> None:
    assert _found("rgb", "depth", "ir", "flow", "skeleton", "inertial") == []


def test_two_modalities_with_one_letter() -> None:
    right = {"name": "right", "letter": "R", "kind": "signal", "shape": [6, 8], "value": "raw", "encoder": "signal"}
    ((level, kind, text),) = _found("rgb", right)
    assert (level, kind) == ("error", "letters")
    assert text == "rgb and right have one letter, R: a model needs another for each of its modalities"


@pytest.mark.parametrize(
    ("spec", "level", "text"),
    [
        ({"name": "rgb", "encoder": "signal"}, "error", "encoder signal cannot read rgb (frames): use a timm network"),
        ({"name": "skeleton", "encoder": "features"}, "error", "cannot read skeleton (joints): use joints"),
        (
            {"name": "inertial", "encoder": "resnet34"},
            "warning",
            "resnet34 of inertial (signal) must be one of your own",
        ),
    ],
)
def test_an_encoder_that_does_not_fit(spec: dict[str, Any], level: str, text: str) -> None:
    ((found, kind, said),) = _found(spec)
    assert (found, kind) == (level, "encoder")
    assert text in said


def test_classes_with_a_side_and_modalities_that_can_be_mirrored() -> None:
    sided = ("swipe left", "swipe right", "wave")
    ((level, kind, text),) = _found("rgb", "inertial", classes=sided)
    assert (level, kind) == ("warning", "mirror")
    assert text.startswith(
        "a mirrored swipe left is another action (2 such classes), and rgb can be mirrored: leave data"
    )
    assert _found({"name": "rgb", "mirror": None}, "inertial", classes=sided) == []

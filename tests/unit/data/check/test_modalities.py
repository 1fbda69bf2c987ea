"""Modalities that do not go together, or not with the classes."""

from pathlib import Path
from typing import Any

import pytest

from actionmae.core.modality import resolve
from actionmae.data.check.modalities import check_modalities
from actionmae.data.manifest import Manifest
from helpers.rows import clip_row


def _found(*specs: str | dict[str, Any], classes: tuple[str, ...] = ("wave",)) -> list[tuple[str, str, str]]:
    """Of a manifest of one clip that has all these modalities."""
    resolved = {spec.name: spec for spec in map(resolve, specs)}
    row = clip_row(sample="a", label="wave", files={name: name for name in resolved})
    manifest = Manifest(path=Path("m.csv"), classes=classes, modalities=tuple(resolved), rows=(row,))
    return [(finding.level, finding.kind, finding.text) for finding in check_modalities(resolved, manifest)]


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
    ((level, kind, text),) = _found("rgb", "depth", classes=sided)
    assert (level, kind) == ("warning", "mirror")
    assert text.startswith("a mirrored swipe left is another action (2 such classes), and 1 clips can be mirrored: ")
    assert _found("rgb", "inertial", classes=sided) == [], "a clip with inertial is never mirrored"

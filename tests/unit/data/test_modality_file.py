"""What `modalities.yaml` says of the recordings beside a manifest."""

from pathlib import Path

import pytest

from actionmae.core.modality import KINECT_V1_MIRROR, ModalitySpec, resolve
from actionmae.data.manifest import read_manifest
from actionmae.data.modality_file import read_modalities, write_modalities

THERMAL = ModalitySpec(name="thermal", letter="T", kind="frames", shape=(3, 64, 64), value="gray", encoder="resnet18")


def test_only_differences_are_written_and_read_back(tmp_path: Path) -> None:
    specs = [
        resolve("rgb"),
        resolve({"name": "depth", "value": "gray", "value_range": None}),
        resolve({"name": "skeleton", "shape": [1, 20, 3], "mirror": KINECT_V1_MIRROR}),
        THERMAL,
    ]
    write_modalities(tmp_path, specs)
    assert read_modalities(tmp_path) == {spec.name: spec for spec in specs}
    lines = (tmp_path / "modalities.yaml").read_text().splitlines()
    assert lines[:2] == ["- rgb", "- {name: depth, value: gray, value_range: null}"]


def test_a_manifest_has_them(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("sample,label,rgb\na,wave,a.avi\n")
    assert read_manifest(tmp_path / "manifest.csv", check_files=False).specs == {}
    (tmp_path / "modalities.yaml").write_text("- {name: rgb, num_frames: 4}\n")
    specs = read_manifest(tmp_path / "manifest.csv", check_files=False).specs
    assert specs == {"rgb": resolve({"name": "rgb", "num_frames": 4})}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rgb: {value: gray}", r"modalities\.yaml is no list: write one line - NAME, or - {name: NAME, …}"),
        ("- rgb\n- {name: rgb, num_frames: 4}", r"modalities\.yaml describes rgb twice: keep one"),
        ("- {name: rgb, value: metres}", r"modalities\.yaml: modality 'rgb' \(frames\) has value 'metres': choose"),
        ("- {num_frames: 4}", r"modalities\.yaml: modality .* has no name"),
        ("- [", r"modalities\.yaml cannot be read as YAML"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "modalities.yaml").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        read_modalities(tmp_path)

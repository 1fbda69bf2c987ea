"""YAML that people write: read as plain data, or refused in one sentence."""

import math
from pathlib import Path

import pytest

from actionmae.core.yaml_files import MAX_BYTES, parse_yaml, read_yaml

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def test_plain_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("- rgb\n- {name: depth, shape: [3, 8, 8], value_range: null}\n")
    assert read_yaml(path) == ["rgb", {"name": "depth", "shape": [3, 8, 8], "value_range": None}]


def test_numbers_and_texts_are_told_apart() -> None:
    text = "[1e-3, 1.5E2, -.5e1, 2e5, 2024-99-99, 2024-01-02, 1e, .inf, e3]"
    assert parse_yaml(text) == [1e-3, 150.0, -5.0, 2e5, "2024-99-99", "2024-01-02", "1e", math.inf, "e3"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: [1", "while parsing a flow sequence"),
        (b"a: 1\nb: 2\na: 3\n", "key 'a' is given twice"),
        (b"- {x: {y: 1, y: 2}}\n", "key 'y' is given twice"),
        (BOMB.encode(), r"alias \*a is not allowed"),
        (b"a: \xff\n", "can't decode byte 0xff"),
        (b"a: !!python/object:os.system {}\n", "could not determine a constructor"),
        (b"[" * 5000, "nested too deeply"),
        (b"{[1]: 2}", "a key is no text"),
    ],
)
def test_what_cannot_be_trusted_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.yaml cannot be read as YAML \(.*{reason}.*\): correct the file"):
        read_yaml(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.yaml does not exist: give a YAML file"):
        read_yaml(tmp_path / "none.yaml")
    path = tmp_path / "a.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match=r"a\.yaml has 1,048,577 bytes: give a YAML file of at most 1,048,576"):
        read_yaml(path)

"""Damaged and edited JSON files become one sentence."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from actionmae.core import json_files
from actionmae.core.json_files import read_json


@dataclass
class _Facts:
    name: str
    counts: list[int]


def test_reads_what_fits(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text('{"name": "a", "counts": [1, 2], "later": null}')
    assert read_json(path, _Facts, writer="evaluate") == _Facts("a", [1, 2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is damaged"),
        ("{", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("\x00\xff", "is damaged"),
        ("[]", r"Expected `object`, got `array`"),
        ('{"name": "a"}', r"missing required field `counts`"),
        ('{"name": "a", "counts": ["1"]}', r"Expected `int`, got `str` - at `\$\.counts\[0\]`"),
        ('{"name": "a", "counts": [NaN]}', "is damaged"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"facts.json is damaged.*actionmae evaluate") as caught:
        read_json(path, _Facts, writer="evaluate")
    assert caught.match(said)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "MAX_BYTES", 3)
    (tmp_path / "facts.json").write_text("[1, 2]")
    with pytest.raises(ValueError, match="has 6 bytes, which is no file of `actionmae train`"):
        read_json(tmp_path / "facts.json", _Facts, writer="train")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"facts.json does not exist: `actionmae train` writes it"):
        read_json(tmp_path / "facts.json", _Facts, writer="train")

"""Checkpoints: whole or not at all, beside their target, and damage is one sentence."""

import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.training.checkpoints import CheckpointFiles, read_checkpoint

WEIGHTS = {"weight": torch.arange(500.0), "bias": torch.zeros(3)}
CONTENT = {
    "epoch": 3,
    "state_dict": WEIGHTS,
    "loops": {"a": [1, None]},
    "optimizer_states": [],
    "pytorch-lightning_version": "2.6",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    CheckpointFiles(tmp_path / "last.ckpt", WEIGHTS).save_checkpoint(CONTENT, tmp_path / "new" / "last.ckpt")
    return tmp_path / "new" / "last.ckpt"


def same(content: dict[str, object]) -> bool:
    return repr(content) == repr(CONTENT)


def test_what_was_saved_is_read(path: Path) -> None:
    assert same(CheckpointFiles(path, WEIGHTS).load_checkpoint(path))
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


def test_nothing_passes_through_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    CheckpointFiles(tmp_path / "last.ckpt", WEIGHTS).save_checkpoint(CONTENT, tmp_path / "last.ckpt")
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_failed_save_leaves_the_older_one(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        CheckpointFiles(path, WEIGHTS).save_checkpoint({"no": lambda: None}, path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


def test_damage_is_one_sentence_or_none(path: Path) -> None:
    """Any flipped byte and any lost end; bytes that mean nothing (dates, padding) may change nothing."""
    whole, rng, told = path.read_bytes(), np.random.default_rng(0), []
    for trial in range(150):
        place = int(rng.integers(len(whole)))
        spoilt = bytearray(whole)
        spoilt[place] ^= int(rng.integers(1, 256))
        path.write_bytes(spoilt if trial % 3 else whole[:place])
        try:
            assert same(read_checkpoint(path)), f"byte {place} changed the content in silence"
        except ValueError as error:
            told.append(str(error))
    assert len(told) > 100
    assert all(text.startswith(f"checkpoint {path} is damaged (") and "\n" not in text for text in told)


@pytest.mark.parametrize("text", [b"", b"hello", b"PK\x05\x06" + bytes(18)])
def test_other_files_are_refused(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    with pytest.raises(ValueError, match=r"last\.ckpt is damaged \(.*\): restore it, or start again"):
        read_checkpoint(path)


class Code:
    """Unpickled, it would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("false",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1], "it holds a list"),
        ({"state_dict": Code()}, "it holds more than tensors and plain data"),
        ({"weight": torch.zeros(3)}, "it has no state_dict"),
        ({name: part for name, part in CONTENT.items() if name != "loops"}, "it has no loops"),
        (CONTENT | {"state_dict": {"weight": WEIGHTS["weight"]}}, "it lacks the weight bias"),
        (CONTENT | {"state_dict": WEIGHTS | {"bias": None}}, "it lacks the weight bias"),
        (CONTENT | {"state_dict": WEIGHTS | {"more": torch.ones(1)}}, "its weight more is none of this model's"),
        (CONTENT | {"state_dict": WEIGHTS | {"bias": torch.ones(4)}}, "its weight bias is [4], not [3]"),
    ],
)
def test_what_is_no_checkpoint_is_one_sentence(path: Path, content: object, reason: str) -> None:
    torch.save(content, path)
    with pytest.raises(ValueError, match=rf"last\.ckpt is damaged \({re.escape(reason)}\): restore it, or start again"):
        CheckpointFiles(path, WEIGHTS).load_checkpoint(path)


def test_weights_alone_may_be_handed_over(path: Path, tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(3)}, path)
    content = CheckpointFiles(tmp_path / "another.ckpt", WEIGHTS).load_checkpoint(path)
    assert content["weight"].tolist() == [1, 1, 1]

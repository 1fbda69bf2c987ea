"""The pages about using a model: their blocks run."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest, write_manifest
from actionmae.nn import ClassifierConfig, build_classifier
from actionmae.nn.checkpoint import save_model
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the pages name: model/, manifest.csv, clips/, long recordings."""
    torch.manual_seed(0)
    config = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, action_mae=True)
    save_model(build_classifier(ModalitySet(MODALITIES), classes=CLASSES, config=config), tmp_path / "model")
    manifest = read_manifest(write_recordings(tmp_path / "recordings"))
    rows = [replace(row, subject="ben") if row.subject == "2" else row for row in manifest.rows]
    write_manifest(tmp_path / "manifest.csv", rows, manifest.classes)
    (tmp_path / "clips").mkdir()
    for name in ("inertial", "sound"):
        arrays = [np.load(row.files[name].path) for row in manifest.rows]
        np.save(tmp_path / f"long_{name}.npy", np.concatenate(arrays))
        for clip, array in zip("ab", arrays, strict=False):
            np.save(tmp_path / f"clips/{clip}_{name}.npy", array)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class ByHand:
    """A clock that only moves while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("page", ["predict", "faults", "rig"])
def test_the_blocks_of_a_page_run(rig: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionmae.inference.stream_sources.WallClock", ByHand)
    text = (ROOT / f"docs/how_to/{page}.md").read_text(encoding="utf-8")
    for language, block in re.findall(r"^```(bash|python)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(block, f"{page}.md", "exec"), {})
            continue
        for line in block.replace("\\\n", " ").splitlines():
            program, *words = shlex.split(line)
            assert program == "actionmae"
            assert main(words) == 0, line

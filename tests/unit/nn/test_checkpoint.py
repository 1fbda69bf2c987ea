"""A model folder: what was saved is what is loaded, to the last bit."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.nn import load_model, save_model
from actionmae.nn.checkpoint import read_config, save_calibration
from golden.make import MODEL
from helpers.builders import tiny_batch
from helpers.processes import run_python
from helpers.tiny_models import KINDS, VECTORS, tiny_classifier

CONFIGS = st.fixed_dictionaries(
    {
        "fusion": st.sampled_from(["sum", "concat", "transformer"]),
        "fusion_input": st.sampled_from(["filled", "reconstructed"]),
        "action_mae": st.booleans(),
        "num_memory_tokens": st.integers(0, 2),
        "mae_positions": st.booleans(),
        "positions": st.sampled_from(["input", "attention"]),
        "final_norm": st.booleans(),
        "token_heads": st.booleans(),
        "norm": st.sampled_from(["batch", "frozen", "group"]),
        "time_depth": st.integers(1, 2),
        "dropout": st.sampled_from([0.0, 0.25]),
    }
)


@given(options=CONFIGS, order=st.permutations([KINDS[0], *VECTORS[:2]]), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_weights_and_logits_survive_to_the_bit(options: dict[str, Any], order: list[dict[str, Any]], seed: int) -> None:
    torch.manual_seed(seed)
    modalities = ModalitySet(order)
    model = tiny_classifier(modalities, **options)
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_model(save_model(model, Path(folder) / "model", provenance={"seed": seed}))
    assert loaded.config == model.config
    assert loaded.modalities == modalities
    assert loaded.classes == model.classes
    assert not loaded.training
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    batch = tiny_batch(modalities, 5)
    with torch.no_grad():
        assert torch.equal(model(batch).logits, loaded(batch).logits)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_model(tiny_classifier(ModalitySet(VECTORS)), tmp_path / "model")


def test_a_folder_holds_three_files_and_no_pickle(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    assert "- **sound** (X): features, 3 frames of (5,)" in (folder / "README.md").read_text()
    assert read_config(folder).format_version == 2


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_saving_again_replaces_its_own_files_and_keeps_all_others(folder: Path) -> None:
    (folder / "NOTES.txt").write_text("dear diary")
    for name in ("model.old", "model.tmp"):
        folder.with_name(name).mkdir()
        (folder.with_name(name) / "mine.txt").write_text(name)
    other = tiny_classifier(ModalitySet(VECTORS), num_classes=2)
    save_model(other, folder, card="# Mine\n", provenance={"why": "again"})
    assert names(folder) == {"config.json", "model.safetensors", "README.md", "NOTES.txt"}
    assert (folder / "README.md").read_text() == "# Mine\n"
    assert read_config(folder).provenance == {"why": "again"}
    assert len(load_model(folder).classes) == 2
    assert names(folder.parent) == {"model", "model.old", "model.tmp"}
    assert [path.name for path in folder.parent.glob("*/mine.txt")] == ["mine.txt"] * 2


def test_nothing_but_a_model_folder_is_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter1.txt").write_text("")
    shutil.copytree(folder, tmp_path / "of another project")
    (tmp_path / "of another project/config.json").write_text('{"model_type": "bert"}')
    model = load_model(folder)
    for out in (tmp_path, tmp_path / "thesis", tmp_path / "thesis/chapter1.txt", tmp_path / "of another project"):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(ValueError, match=f"{out} exists and is no model folder: nothing in it is touched; choose"):
            save_model(model, out)
        assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "empty").mkdir()
    assert names(save_model(model, tmp_path / "empty")) == names(folder)


def test_the_working_folder_and_links_are_folders_like_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_classifier(ModalitySet(VECTORS), num_classes=2)
    folder.with_name("link").symlink_to(folder)
    save_model(model, folder.with_name("link"))
    assert folder.with_name("link").is_symlink()
    assert len(load_model(folder).classes) == 2
    monkeypatch.chdir(folder)
    save_model(tiny_classifier(ModalitySet(VECTORS)), Path())
    assert len(load_model(folder).classes) == 5
    assert len(load_model(Path()).classes) == 5, "the working folder is still the same"


def test_an_error_in_the_midst_of_replacing_brings_the_older_files_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        if self.parent.name == "new" and self.name == "model.safetensors":
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_model(tiny_classifier(ModalitySet(VECTORS), num_classes=2), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert names(folder.parent) == {"model"}


def test_a_kill_in_the_midst_of_replacing_loses_nothing(folder: Path) -> None:
    before = (folder / "model.safetensors").read_bytes()
    run_python(
        "import os\nfrom pathlib import Path\nfrom actionmae.nn.checkpoint import load_model, save_model\n"
        f"model, replace = load_model({str(folder)!r}), Path.replace\n"
        "def killed(self, target):\n"
        "    replace(self, target)\n"
        "    if self.name == 'model.safetensors':\n"
        "        os._exit(0)\n"
        "Path.replace = killed\n"
        f"save_model(model, {str(folder)!r})\n"
    )
    (kept,) = folder.parent.glob("model.*.tmp/older/model.safetensors")
    save_model(tiny_classifier(ModalitySet(VECTORS), num_classes=2), folder)
    assert len(load_model(folder).classes) == 2
    assert kept.read_bytes() == before, "another save leaves it"


def test_an_older_format_learns_its_temperatures(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODEL, tmp_path / "model"))
    weights = (folder / "model.safetensors").read_bytes()
    save_calibration(folder, Calibration(pooled=1.5), provenance={"why": "again"})
    assert (folder / "model.safetensors").read_bytes() == weights
    assert read_config(folder).format_version == 2
    model, older = load_model(folder), load_model(MODEL)
    assert model.calibration == Calibration(pooled=1.5)
    batch = tiny_batch(older.modalities, 5)
    with torch.no_grad():
        assert torch.equal(model(batch).logits, older(batch).logits)


def test_whoever_may_read_the_config_may_read_the_weights(folder: Path) -> None:
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_a_failed_save_leaves_the_older_folder(folder: Path) -> None:
    before = (folder / "config.json").read_bytes()
    with pytest.raises(TypeError):
        save_model(tiny_classifier(ModalitySet(VECTORS), num_classes=2), folder, provenance={"path": Path()})
    assert (folder / "config.json").read_bytes() == before
    assert len(load_model(folder).classes) == 5


def test_the_registry_is_not_asked_when_loading(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionmae.core.modality.registry._REGISTRY", {})
    assert load_model(folder).modalities == ModalitySet(VECTORS)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_no_model_folder(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"is no model folder, it has no {name}: give a folder that `actionmae"):
        load_model(folder)


@pytest.mark.parametrize(("version", "advice"), [(3, "upgrade actionmae"), (0, "save"), (-1, "save the model again")])
def test_an_unknown_format_is_refused(folder: Path, version: int, advice: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format_version": version}))
    with pytest.raises(ValueError, match=rf"has format version {version}, this actionmae reads 1 to 2: {advice}"):
        load_model(folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format_version": 1}', '{"format_version": null}'])
def test_what_is_no_config_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"config\.json (is damaged|has no architecture|was edited).*: let `actionmae train`"
    ):
        load_model(folder)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 64])
def test_damaged_weights_are_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"model\.safetensors is damaged or does not belong to its config\.json \(.+\): save"
    ):
        load_model(folder)


def test_weights_of_another_model_are_refused(folder: Path, tmp_path: Path) -> None:
    other = save_model(tiny_classifier(ModalitySet(VECTORS[:2])), tmp_path / "other")
    (other / "model.safetensors").replace(folder / "model.safetensors")
    with pytest.raises(ValueError, match="is damaged or does not belong") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)

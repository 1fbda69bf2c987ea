"""The model folder: `config.json` + `model.safetensors` + `README.md`. No pickle is ever read from it."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig

FORMAT_VERSION = 1
"""Raised when a folder written by this code could not be read by older code."""


def save_model(
    model: MultiModalClassifier, folder: str | Path, *, provenance: Mapping[str, Any] | None = None, card: str = ""
) -> Path:
    """Write a model folder. It appears whole or not at all; an older one at the same place is replaced.

    Args:
        model: What to save.
        folder: Where.
        provenance: JSON-ready facts about the training (command, date, seed, data).
        card: Markdown for the folder's README.md; the default says what the model reads and predicts.

    Returns:
        The folder.
    """
    folder = Path(folder)
    beside = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    config = {
        "format_version": FORMAT_VERSION,
        "architecture": model.config.to_dict(),
        "modalities": model.modalities.to_list(),
        "classes": list(model.classes),
        "provenance": dict(provenance or {}),
    }
    (beside / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights = beside / "model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, weights)
    weights.chmod((beside / "config.json").stat().st_mode)  # safetensors lets only the owner read
    (beside / "README.md").write_text(card or _card(model), encoding="utf-8")
    replaced = folder.with_name(folder.name + ".old")
    shutil.rmtree(replaced, ignore_errors=True)  # a save that was killed before its last line leaves it
    if folder.exists():
        folder.rename(replaced)
    beside.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)
    return folder


def load_model(folder: str | Path, *, device: torch.device | str = "cpu") -> MultiModalClassifier:
    """Read a model folder; the model is in eval mode.

    Raises:
        FileNotFoundError: If the folder or one of its two files does not exist.
        ValueError: If the format is newer than this code, or a file is damaged.
    """
    folder = Path(folder)
    config = read_config(folder)
    model = MultiModalClassifier(
        modalities=ModalitySet.from_list(config["modalities"]),
        classes=config["classes"],
        config=ClassifierConfig.from_dict(config["architecture"]),
    )
    weights = read_weights(folder)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(_damaged(folder / "model.safetensors", error)) from error
    return model.to(device).eval()


def read_config(folder: str | Path) -> dict[str, Any]:
    """The checked content of a model folder's `config.json`.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no JSON, lacks a field, or its format is newer than this code.
    """
    path = _existing(Path(folder), "config.json")
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(config["format_version"])
        if version <= FORMAT_VERSION:  # a newer format may have other fields
            for field in ("architecture", "modalities", "classes"):
                config[field]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no model config ({error!r}): give a folder that `actionmae train` wrote"
        ) from error
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version {version}, this actionmae reads up to {FORMAT_VERSION}: upgrade actionmae"
        )
    return config


def read_weights(folder: str | Path) -> dict[str, Tensor]:
    """The tensors of a model folder by parameter name, on the CPU.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is damaged.
    """
    path = _existing(Path(folder), "model.safetensors")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0]
    return f"{path} is damaged or does not belong to its config.json ({reason}): save it again"


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is no model folder, it has no {name}: give a folder that `actionmae train` wrote"
        )
    return path


def _card(model: MultiModalClassifier) -> str:
    reads = "\n".join(
        f"- **{spec.name}** ({spec.letter}): {spec.kind}, {spec.num_frames} frames of {spec.shape}"
        for spec in model.modalities
    )
    return (
        f"# Action classifier\n\nRecognises {len(model.classes)} actions from any subset of:\n\n{reads}\n\n"
        f"Classes: {', '.join(model.classes)}\n"
    )

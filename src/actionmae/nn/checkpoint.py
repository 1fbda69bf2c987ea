"""The model folder: `config.json` + `model.safetensors` + `README.md`. No pickle is ever read from it.

| format | since | differs |
| --- | --- | --- |
| 2 | 0.2 | names its architecture, holds supported subsets and a SHA-256 of configuration and weights |
| 1 | 0.1 | one architecture, frames always normalised with ImageNet's mean and standard deviation |
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from actionmae.core.calibration import Calibration
from actionmae.core.files import write_text
from actionmae.core.json_files import read_json
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.nn.architectures import SavedModel, find_architecture
from actionmae.nn.written_folder import check_place, written_folder

FORMAT_VERSION = 2
"""Raised whenever older versions of this project could not read a new folder."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The content of a model folder's `config.json`.

    Attributes:
        format_version: 1 or 2.
        architecture: Registered name of the kind of model.
        config: What that kind of model is rebuilt from.
        modalities: Specs in slot order.
        classes: Names in the order of the logits.
        supported_subsets: Slots of each subset that the model predicts for; None = all.
        calibration: See `Calibration`; None = the model is not calibrated.
        provenance: Facts about the training.
        sha256: Of the other fields (but for provenance) and of the weights file; absent in format 1.
    """

    format_version: int
    architecture: Any = None
    config: dict[str, Any] = field(default_factory=dict)
    modalities: list[dict[str, Any]]
    classes: list[str]
    supported_subsets: list[list[int]] | None = None
    calibration: dict[str, Any] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 of what decides what the model computes and says."""
        what = [self.format_version, self.architecture, self.config, self.modalities, self.classes]
        what += [self.supported_subsets, *([] if self.calibration is None else [self.calibration])]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def signed_text(self, weights: str) -> str:
        """The file's text, with the SHA-256 of configuration and weights."""
        facts = asdict(self) | {"sha256": {"config": self.digest(), "weights": weights}}
        return json.dumps(facts, indent=2) + "\n"


def save_model(
    model: SavedModel, folder: str | Path, *, provenance: Mapping[str, Any] | None = None, card: str = ""
) -> Path:
    """Write a model folder: a new one appears whole; in an older one these files are replaced, and all others stay.

    Args:
        model: What to save.
        folder: Where.
        provenance: JSON-ready facts about the training (command, date, seed, data).
        card: Markdown for the folder's README.md; the default says what the model reads and predicts.

    Returns:
        The folder.

    Raises:
        ValueError: If something else is there, a weight is not finite, or the model cannot be rebuilt from a
            configuration.
    """
    place = check_model_place(folder)
    again = _names_again(model)
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items() if name not in again
    }
    _check_finite(state, "the model")
    weights = save(state)
    supported = model.supported_subsets
    config = ModelConfig(
        format_version=FORMAT_VERSION,
        architecture=model.architecture,
        config=json.loads(json.dumps(model.to_config())),
        modalities=json.loads(json.dumps(model.modalities.to_list())),
        classes=list(model.classes),
        supported_subsets=None if supported is None else [list(subset) for subset in supported],
        calibration=None if model.calibration is None else model.calibration.to_dict(),
        provenance=dict(provenance or {}),
    )
    text = config.signed_text(hashlib.sha256(weights).hexdigest())
    with written_folder(place) as unfinished:
        (unfinished / "config.json").write_text(text, encoding="utf-8")
        (unfinished / "model.safetensors").write_bytes(weights)
        (unfinished / "README.md").write_text(card or _card(model), encoding="utf-8")
    return Path(folder)


def check_model_place(folder: str | Path) -> Path:
    """Find out before long work whether a model can be saved there; nothing is touched.

    Returns:
        The real, absolute folder.

    Raises:
        ValueError: If something else than a model folder is there, or nothing can be written.
    """
    return check_place(Path(folder), "model folder", _is_model)


def save_calibration(folder: Path, calibration: Calibration, *, provenance: Mapping[str, Any]) -> None:
    """Store how sure a saved model may be: its config.json is replaced, all else stays as it is.

    Args:
        folder: Model folder.
        calibration: Of this model.
        provenance: As in `save_model`.

    Raises:
        FileNotFoundError: If it is no model folder.
        ValueError: If its config.json is damaged or was edited.
    """
    before = read_config(folder)
    weights = before.sha256.get("weights") or _sha256(_existing(folder, "model.safetensors"))
    config = replace(
        before, format_version=FORMAT_VERSION, calibration=calibration.to_dict(), provenance=dict(provenance)
    )
    write_text(folder / "config.json", config.signed_text(weights))


def load_model(folder: str | Path, *, device: torch.device | str = "cpu") -> SavedModel:
    """Read a model folder; the model is in eval mode.

    Returns:
        A `MultiModalClassifier` where the folder names no other architecture.

    Raises:
        FileNotFoundError: If the folder or one of its two files does not exist.
        ValueError: If the format is unknown, or a file is damaged, was edited, or does not belong to the other.
    """
    folder = Path(folder)
    config = read_config(folder)
    path = _existing(folder, "model.safetensors")
    if config.sha256 and _sha256(path) != config.sha256.get("weights"):
        raise ValueError(_damaged(path, "its SHA-256 is not the one that config.json names"))
    try:
        weights = load_file(path)
    except (SafetensorError, ValueError, OSError) as error:
        raise ValueError(_damaged(path, error)) from error
    _check_finite(weights, str(path))
    try:
        modalities = ModalitySet.from_list(config.modalities)
        model = find_architecture(config.architecture).from_config(
            config.config, modalities=modalities, classes=config.classes
        )
        if config.supported_subsets is not None:
            known = all_subsets(len(modalities))
            model.supported_subsets = tuple(subset for subset in known if list(subset) in config.supported_subsets)
        if config.calibration is not None:
            model.calibration = Calibration.from_dict(config.calibration)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{folder / 'config.json'} describes no model ({error}): save it again") from error
    weights |= {name: weights[first] for name, first in _names_again(model).items() if first in weights}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(_damaged(path, error)) from error
    return model.to(device).eval()


def read_config(folder: str | Path) -> ModelConfig:
    """The checked content of a model folder's `config.json`; format 1 is translated.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is damaged or was edited, or its format is unknown.
    """
    path = _existing(Path(folder), "config.json")
    version = read_json(path, _Version, writer="train").format_version
    if not 1 <= version <= FORMAT_VERSION:
        advice = "upgrade actionmae" if version > FORMAT_VERSION else "save the model again"
        raise ValueError(f"{path} has format version {version}, this actionmae reads 1 to {FORMAT_VERSION}: {advice}")
    config = read_json(path, ModelConfig, writer="train")
    if version == 1:
        if not isinstance(config.architecture, dict):
            raise ValueError(f"{path} has no architecture: let `actionmae train` write it again")
        return ModelConfig(
            format_version=1,
            architecture="multimodal",
            config={**config.architecture, "normalization": "imagenet"},
            modalities=config.modalities,
            classes=config.classes,
            provenance=config.provenance,
        )
    if config.digest() != config.sha256.get("config"):
        raise ValueError(
            f"{path} was edited after it was saved (its SHA-256 differs): the weights know only what was saved; "
            "train again, or restore the file"
        )
    return config


@dataclass
class _Version:
    format_version: int


def _is_model(folder: Path) -> bool:
    try:
        read_json(folder / "config.json", _Version, writer="train")
    except (ValueError, OSError):
        return False
    return (folder / "model.safetensors").is_file()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names_again(model: SavedModel) -> dict[str, str]:
    """Of parameters that several parts share, each further name and the first: a folder holds them once."""
    first: dict[int, str] = {}
    named = model.named_parameters(remove_duplicate=False)
    return {name: known for name, each in named if (known := first.setdefault(id(each), name)) != name}


def _check_finite(state: Mapping[str, Tensor], what: str) -> None:
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ValueError(f"{name} of {what} has NaN or infinite values: it cannot predict; train again")


def _damaged(path: Path, error: Exception | str) -> str:
    reason = str(error).strip().splitlines()[0]
    return f"{path} is damaged or does not belong to its config.json ({reason}): save it again"


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is no model folder, it has no {name}: give a folder that `actionmae train` wrote"
        )
    return path


def _card(model: SavedModel) -> str:
    reads = "\n".join(
        f"- **{spec.name}** ({spec.letter}): {spec.kind}, {spec.num_frames} frames of {spec.shape}"
        for spec in model.modalities
    )
    return (
        f"# Action classifier\n\nRecognises {len(model.classes)} actions from any subset of:\n\n{reads}\n\n"
        f"Classes: {', '.join(model.classes)}\n"
    )

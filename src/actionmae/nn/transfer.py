"""Fine-tuning: weights of saved models into a new one, by the *names* of modalities and classes, never by slot.

Positions are fixed functions of the slot, so a further modality belongs at the end of the list.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from actionmae.nn.checkpoint import read_config, read_weights
from actionmae.nn.classifier import MultiModalClassifier

log = logging.getLogger(__name__)

Parts = Literal["all", "encoders", "space"]
"""What is taken from saved models: all that fits; space and time encoders; space encoders only (Table 7d)."""

_BY_SLOT = ("encoders.", "token_heads.", "fusion.heads.")
_BY_CLASS = ("token_heads.", "fusion.heads.", "fusion.head.")


@dataclass(frozen=True, kw_only=True)
class Initialised:
    """What `initialise` did.

    Attributes:
        loaded: Parts of the new model, each with the folder it came from.
        new: Parts that keep their fresh weights.
    """

    loaded: dict[str, str]
    new: tuple[str, ...]


def initialise(model: MultiModalClassifier, folders: Sequence[Path], *, parts: Parts = "all") -> Initialised:
    """Load whatever fits from model folders, in place.

    One folder gives everything that the two models share: encoders by modality name, ActionMAE, fusion, and the
    classifiers if the class names are the same. Several folders (specialists) give their encoders only.

    Args:
        model: The new model.
        folders: Model folders.
        parts: What is taken from them.

    Raises:
        FileNotFoundError: If a folder is no model folder.
        ValueError: If two folders have the same modality, an encoder does not fit, or nothing does.
    """
    wanted = model.state_dict()
    found: dict[str, Tensor] = {}
    source: dict[str, str] = {}
    for folder in folders:
        config = read_config(folder)
        weights = read_weights(folder)
        encoders_only = len(folders) > 1 or parts != "all"
        for key, tensor in _renamed(weights, config, model, encoders_only=encoders_only).items():
            if parts == "space" and ".space." not in key:
                continue
            part = _part(key, model)
            if source.setdefault(part, str(folder)) != str(folder):
                raise ValueError(f"the {part} is in {source[part]} and in {folder}: give each modality once")
            if key in wanted and wanted[key].shape == tensor.shape:
                found[key] = tensor
            elif key.startswith("encoders."):
                raise ValueError(
                    f"the {part} in {folder} does not fit this model ({key} is {tuple(tensor.shape)}): "
                    "use the same encoder, embed_dim, time_depth and norm"
                )
    every = list(dict.fromkeys(_part(key, model) for key in wanted))
    new = tuple(part for part in every if any(_part(key, model) == part for key in wanted.keys() - found.keys()))
    loaded = {part: source[part] for part in every if part not in new}
    if not loaded:
        raise ValueError(
            f"nothing in {', '.join(map(str, folders))} fits this model with {', '.join(model.modalities.names)}: "
            "initialise from a model that shares a modality"
        )
    complete = {key: tensor for key, tensor in found.items() if _part(key, model) in loaded}
    model.load_state_dict(complete, strict=False)
    for part, folder_name in loaded.items():
        log.info("loaded: %s from %s", part, folder_name)
    for part in new:
        log.info("new: %s", part)
    return Initialised(loaded=loaded, new=new)


def _renamed(
    weights: dict[str, Tensor], config: dict[str, Any], model: MultiModalClassifier, *, encoders_only: bool
) -> dict[str, Tensor]:
    """The weights under the names that they have in the new model; what it cannot mean is left out."""
    names = [spec["name"] for spec in config["modalities"]]
    same_classes = tuple(config["classes"]) == model.classes
    same_modalities = tuple(names) == model.modalities.names
    out = {}
    for key, tensor in weights.items():
        prefix = next((prefix for prefix in _BY_SLOT if key.startswith(prefix)), "")
        if encoders_only and prefix != "encoders.":
            continue
        if key.startswith(_BY_CLASS) and not same_classes:
            continue
        if key == "fusion.head.weight" and config["architecture"]["fusion"] == "concat" and not same_modalities:
            continue  # its columns belong to slots
        if prefix:
            slot, rest = key[len(prefix) :].split(".", 1)
            name = names[int(slot)]
            if name not in model.modalities:
                continue
            key = f"{prefix}{model.modalities.index(name)}.{rest}"
        out[key] = tensor
    return out


def _part(key: str, model: MultiModalClassifier) -> str:
    """The part of the model to which a parameter belongs, in words."""
    words = {"encoders.": "encoder of", "token_heads.": "token head of", "fusion.heads.": "classifier of"}
    for prefix, word in words.items():
        if key.startswith(prefix):
            slot, rest = key[len(prefix) :].split(".", 1)
            kind = f"{rest.split('.', 1)[0]} " if prefix == "encoders." else ""
            return f"{kind}{word} {model.modalities.names[int(slot)]}"
    return {"fusion.head": "classifier", "action_mae": "ActionMAE"}.get(
        key.rsplit(".", 1)[0] if key.startswith("fusion.head.") else key.split(".", 1)[0], "fusion"
    )


def freeze(model: MultiModalClassifier, done: Initialised) -> None:
    """Train only what is new: loaded parts get no gradient, so that the optimiser leaves them as they are.

    Their BatchNorm statistics are kept by `keep_frozen`, which must follow every `model.train()`.
    """
    for name, parameter in model.named_parameters():
        if _part(name, model) in done.loaded:
            parameter.requires_grad = False


def keep_frozen(model: MultiModalClassifier) -> None:
    """Put every module whose own and inner parameters are all frozen into eval mode (BatchNorm, dropout)."""
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()

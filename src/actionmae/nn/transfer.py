"""Weights of saved models into a new one, part by part, by the *names* of modalities and classes, never by slot.

Which parts a model has, and when two mean the same, the models say themselves (`parts`).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model
from actionmae.nn.parts import Part, keys_by_part

log = logging.getLogger(__name__)

Parts = Literal["all", "encoders", "space"]
"""What is taken from saved models: all that fits; space and time encoders; space encoders only (Table 7d)."""

_ROLES: dict[Parts, tuple[str, ...]] = {"encoders": ("space", "time"), "space": ("space",)}


@dataclass(frozen=True, kw_only=True)
class Initialised:
    """What `initialise` did.

    Attributes:
        loaded: Parts of the new model, each with the folder it came from.
        new: Parts that keep their fresh weights.
    """

    loaded: dict[str, str]
    new: tuple[str, ...]


def initialise(model: SavedModel, folders: Sequence[Path], *, parts: Parts = "all") -> Initialised:
    """Load whatever fits from model folders, in place.

    One folder gives everything that the two models share: encoders by modality name, ActionMAE, fusion, and the
    classifiers if the class names are the same. Several folders (specialists) give their encoders only.

    Args:
        model: The new model.
        folders: Model folders.
        parts: What is taken from them.

    Raises:
        FileNotFoundError: If a folder is no model folder.
        ValueError: If two folders have the same modality, a part has other settings, or nothing fits.
    """
    mine = {part.name: part for part in model.parts()}
    roles = _ROLES.get("encoders" if len(folders) > 1 and parts == "all" else parts)
    found: dict[str, Tensor] = {}
    source: dict[str, str] = {}
    for folder in folders:
        other = load_model(folder)
        weights = other.state_dict()
        theirs = other.parts()
        keys = keys_by_part(theirs, weights)
        for part in theirs:
            target = mine.get(part.name)
            if target is None or (roles and part.role not in roles) or dict(part.only_for) != dict(target.only_for):
                continue
            if part.name in source:
                raise ValueError(f"the {part.name} is in {source[part.name]} and in {folder}: give each modality once")
            _check_settings(part, target, folder)
            source[part.name] = str(folder)
            found |= {target.prefix + key.removeprefix(part.prefix): weights[key] for key in keys[part.name]}
    if not source:
        names = ", ".join(model.modalities.names)
        raise ValueError(
            f"nothing in {', '.join(map(str, folders))} fits this model with {names}: "
            "initialise from a model that shares a modality"
        )
    _load(model, mine, found, source)
    loaded = {name: source[name] for name in mine if name in source}
    new = tuple(name for name in mine if name not in source)
    for name, folder_name in loaded.items():
        log.info("loaded: %s from %s", name, folder_name)
    for name in new:
        log.info("new: %s", name)
    return Initialised(loaded=loaded, new=new)


def freeze(model: SavedModel, done: Initialised) -> None:
    """Train only what is new: loaded parts get no gradient, so that the optimiser leaves them as they are.

    Their BatchNorm statistics are kept by `keep_frozen`, which must follow every `model.train()`.
    """
    parameters = dict(model.named_parameters())
    for name, keys in keys_by_part(model.parts(), parameters).items():
        for key in keys:
            parameters[key].requires_grad = parameters[key].requires_grad and name not in done.loaded


def keep_frozen(model: nn.Module) -> None:
    """Put every module whose own and inner parameters are all frozen into eval mode (BatchNorm, dropout)."""
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def _check_settings(part: Part, target: Part, folder: Path) -> None:
    for name in {**part.settings, **target.settings}:
        given: Any = part.settings.get(name)
        wanted: Any = target.settings.get(name)
        if name == "modalities":
            moved = [each for each in given if each in wanted and given.index(each) != wanted.index(each)]
            if moved:
                raise ValueError(
                    f"the {part.name} in {folder} knows {', '.join(given)} in this order, this model has "
                    f"{', '.join(wanted)}: keep the order and add further modalities at the end, or take only its "
                    "encoders (init_parts encoders)"
                )
        elif given != wanted:
            raise ValueError(
                f"the {part.name} in {folder} was trained with {name} {given!r}, this model has {wanted!r}: "
                f"use the same {name}, or another model"
            )


def _load(model: nn.Module, mine: Mapping[str, Part], found: dict[str, Tensor], source: Mapping[str, str]) -> None:
    state = model.state_dict()
    for name, keys in keys_by_part(list(mine.values()), state).items():
        for key in keys if name in source else []:
            if key not in found or found[key].shape != state[key].shape:
                shape: Any = "absent" if key not in found else tuple(found[key].shape)
                raise ValueError(
                    f"the {name} in {source[name]} does not fit this model ({key} is {shape}, here "
                    f"{tuple(state[key].shape)}): use the same encoder and sizes"
                )
    model.load_state_dict(found, strict=False)

"""Cells: trainings described as data. A cell's folder is named after its content, so tables share what is equal.

No torch: listing what a table needs loads no network.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actionmae.core.modality import ModalitySet
from actionmae.core.yaml_files import read_yaml
from actionmae.data.manifest import read_manifest
from actionmae.data.natural_order import natural_key
from actionmae.data.splits import split_manifest
from actionmae.methods.config import METHODS, config_class, method_config
from actionmae.training.run_folder import RunFolder
from actionmae.training.settings import TrainSettings

_HERE = Path(__file__).parent
SCALES = ("small", "full")


class NotRunError(ValueError):
    """A cell cannot be trained here; the message says why, `advice` what to do about it, if something can be done."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        settings: What is trained on what.
        folder: Its run folder.
        recipe: A recipe of tables.yaml or a method, one of those that come to these settings.
        needs: Cells whose models it starts from.
    """

    settings: TrainSettings = field(compare=False)
    folder: Path
    recipe: str = field(compare=False)
    needs: tuple["Cell", ...] = field(default=(), compare=False)

    @property
    def done(self) -> bool:
        """Whether it is trained, and scored if it should be; not where a default has changed since."""
        run = RunFolder(self.folder)
        scored = not self.settings.score or run.scores.is_file()
        return scored and run.trained_epochs >= self.settings.optim.epochs and run.trained_with(self.settings)


class Cells:
    """All cells of one data set at one scale.

    Args:
        manifest: The clips.
        out: Folder of the run folders.
        protocol: As in `DataConfig`.
        scale: small, full, or a YAML file of training settings.
        letters: By the paper's letter, the letter or name of a modality of the data; empty = the same letters.
        imagenet: By encoder, a local file of its ImageNet weights; the first also stands in for the paper's encoder
            where the scale's own has no such weights (Tables 3 and 9).

    Raises:
        FileNotFoundError: If the manifest, one of its files, or the file of the scale does not exist.
        ValueError: If a modality, the protocol or the scale is unknown.
    """

    def __init__(
        self,
        manifest: Path,
        out: Path,
        *,
        protocol: str = "split",
        scale: str = "small",
        letters: Mapping[str, str] | None = None,
        imagenet: Mapping[str, Path] | None = None,
    ) -> None:
        self.manifest, self.out, self.protocol, self.imagenet = manifest, out, protocol, dict(imagenet or {})
        for name, file in self.imagenet.items():
            if not file.is_file():
                raise FileNotFoundError(f"imagenet {name}={file}: there is no such file; give a state dict")
        self.base = TrainSettings.from_yaml(_scale_file(scale))
        self.clips = read_manifest(manifest)
        self.splits = split_manifest(self.clips, protocol)
        for part, what in (("train", "training"), ("test", "test")):
            if not getattr(self.splits, part):
                raise ValueError(f"protocol {protocol!r} leaves no {what} clips in {manifest}: choose another")
        self.specs = {each if isinstance(each, str) else each["name"]: each for each in self.base.data.modalities}
        specs = [self.specs.get(name, name) for name in self.clips.modalities]
        self.known = ModalitySet(specs, known=self.clips.specs)
        own = {spec.letter: spec.name for spec in self.known}
        for letter, name in (letters or {}).items():
            if name not in own and name not in self.known:
                words = ", ".join(f"{key} ({value})" for key, value in own.items())
                raise ValueError(f"map {letter}={name}: the data has no {name}; it has {words}")
        self.names = {letter: own.get(name, name) for letter, name in (letters or {}).items()} or own
        self.letter_of = {name: letter for letter, name in own.items()}

    def modalities(self, train: str) -> list[str]:
        """Names of the data's modalities that stand for the paper's letters.

        Raises:
            NotRunError: If the data lacks one.
        """
        missing = [letter for letter in train.split("+") if letter not in self.names]
        if missing:
            raise NotRunError(f"the data has no {missing[0]}", f"give --map {missing[0]}=… if something stands for it")
        return [self.names[letter] for letter in train.split("+")]

    def subset(self, paper: str) -> str:
        """The paper's subset in the data's letters."""
        return "+".join(self.letter_of[name] for name in self.modalities(paper))

    def cell(self, recipe: str, train: str, seed: int, *, held_out: tuple[str, ...] = ()) -> Cell:
        """A training.

        Args:
            recipe: A recipe of tables.yaml, or a registered method.
            train: Modalities by the paper's letters.
            seed: Of the training.
            held_out: Subjects held out for validation; the test clips are then not scored.

        Raises:
            NotRunError: If it cannot be trained here.
        """
        changes = _recipe(recipe)
        names = self.modalities(train)
        changes |= {
            "data.manifest": self.manifest,
            "data.protocol": self.protocol,
            "data.modalities": tuple(self.specs.get(name, name) for name in names),
            "data.val_subjects": held_out,
            "engine.seed": seed,
            "score": not held_out,
        }
        changes |= self._imagenet(recipe, changes, names)
        changes |= self._encoders(changes, names)
        needs: tuple[Cell, ...] = ()
        if "init" in changes:
            needs = tuple(self.cell(changes["init"], letter, seed) for letter in train.split("+"))
            changes["init"] = tuple(need.folder / "model" for need in needs)
        try:
            settings = _changed(self.base, changes)
        except ValueError as error:
            raise NotRunError(str(error)) from error
        return Cell(settings, self.out / self._name(settings, needs), recipe, needs)

    def held_out(self) -> tuple[str, ...]:
        """The last training subject, where the data has no validation clips of its own.

        Raises:
            NotRunError: If subjects are unknown, or there is only one.
        """
        subjects = sorted({row.subject for row in self.splits.train if row.subject}, key=natural_key)
        if self.splits.val:
            return ()
        if len(subjects) < 2:
            raise NotRunError("there are no validation clips, and no subjects to hold out")
        return (subjects[-1],)

    def notes(self, recipe: str) -> str:
        """What is said of a model that is not quite the paper's."""
        changes = _recipe(recipe)
        if changes.get("imagenet") and self._encoder(changes) is None:
            return "without ImageNet weights"
        return ""

    def _encoder(self, changes: Mapping[str, Any]) -> str | None:
        """The frame encoder of which ImageNet weights are wanted, if there can be any."""
        own = self.base.model.space_encoder if self.base.model.pretrained else None
        return changes.get("model.space_encoder") or own or next(iter(self.imagenet), None)

    def _imagenet(self, recipe: str, changes: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Settings for a recipe's `imagenet`, which goes."""
        wanted = changes.pop("imagenet", None)
        if wanted is None:
            wanted = self.base.model.pretrained or None
        encoder = self._encoder(changes)
        if wanted is None or (encoder is None and not wanted):
            return {}
        if encoder is None:
            if "imagenet" in table_data()["recipes"][recipe]:
                raise NotRunError("it needs ImageNet weights: give --imagenet NAME=FILE")
            return {}
        out: dict[str, Any] = {"model.space_encoder": encoder, "model.pretrained": False, "model.weights": {}}
        if wanted and encoder in self.imagenet:
            frames = [name for name in names if self.known[name].kind == "frames"]
            return out | {"model.weights": dict.fromkeys(frames, self.imagenet[encoder])}
        return out | {"model.pretrained": bool(wanted)}

    def _encoders(self, changes: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Settings for a recipe's `encoder`, which goes: all its modalities are read by it.

        Raises:
            NotRunError: If one is not made of frames.
        """
        encoder = changes.pop("encoder", None)
        for name in names if encoder else ():
            if self.known[name].kind != "frames":
                raise NotRunError(f"encoder {encoder} reads frames, and {name} has none")
        return {"model.encoders": dict.fromkeys(names, encoder)} if encoder else {}

    def _name(self, settings: TrainSettings, needs: Sequence[Cell]) -> str:
        names = [each if isinstance(each, str) else each["name"] for each in settings.data.modalities]
        letters = "+".join(self.letter_of[name] for name in names)
        what = _not_default(settings) | {"init": [need.folder.name for need in needs], "engine": settings.engine.seed}
        what = {key: value for key, value in what.items() if key not in ("device", "num_devices")}
        machine = ("num_workers", "cache", "eval_batch_size", "skip_broken")
        data = {key: value for key, value in what["data"].items() if key not in machine}
        what["data"] = data | {"manifest": self._digest}
        digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
        return f"{settings.method.name}-{settings.model.fusion}-{letters}-seed{settings.engine.seed}-{digest[:8]}"

    @functools.cached_property
    def _digest(self) -> str:
        """Of what the clips are, wherever they lie."""
        files = [self.manifest, *(self.manifest.with_name(name) for name in ("classes.txt", "modalities.yaml"))]
        parts = [file.read_bytes() for file in files if file.is_file()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _not_default(config: Any) -> dict[str, Any]:
    """The fields of a configuration that differ from its class's defaults: a new field renames no cell.

    A configuration that may be of several classes, such as a method's, keeps its name.
    """
    out = {}
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        default = each.default if each.default_factory is dataclasses.MISSING else each.default_factory()
        if dataclasses.is_dataclass(value):
            value, default = _not_default(value), {}
        if each.name == "name" or value != default:
            out[each.name] = value
    return out


def _scale_file(scale: str) -> Path:
    if scale in SCALES:
        return _HERE / "scales" / f"{scale}.yaml"
    if not scale.endswith((".yaml", ".yml")):
        raise ValueError(f"scale is {scale!r}: choose {', '.join(SCALES)}, or give a YAML file of training settings")
    return Path(scale)


def _recipe(name: str) -> dict[str, Any]:
    """What differs from the scale's settings, by dotted name."""
    recipes: dict[str, dict[str, Any]] = table_data()["recipes"]
    if name not in recipes:
        if name not in METHODS:
            raise NotRunError(f"method {name} is not available")
        return {**table_data()["every_recipe"], "method.name": name}
    own = dict(recipes[name])
    parent = own.pop("from", None)
    return {**(_recipe(parent) if parent else table_data()["every_recipe"]), **own}


def _changed(settings: TrainSettings, changes: Mapping[str, Any]) -> TrainSettings:
    """The settings with other values; a method keeps those of its switches that the scale sets."""
    method = {key.partition(".")[2]: value for key, value in changes.items() if key.startswith("method.")}
    known = [each.name for each in dataclasses.fields(config_class(method["name"]))]
    fields = {key: value for key, value in (dataclasses.asdict(settings.method) | method).items() if key in known}
    out = replace(settings, method=method_config(fields))
    for key, value in changes.items():
        if not key.startswith("method."):
            out = _set(out, key.split("."), value)
    return out


def _set(config: Any, path: Sequence[str], value: Any) -> Any:
    head, *rest = path
    return replace(config, **{head: _set(getattr(config, head), rest, value) if rest else value})


@functools.cache
def table_data() -> dict[str, Any]:
    """The content of tables.yaml."""
    content: dict[str, Any] = read_yaml(_HERE / "tables.yaml")
    return content

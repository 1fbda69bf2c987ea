"""What a training method is: a batch → weighted losses, in stages, for one or several groups of parameters.

A method knows nothing of Lightning, devices or files but model folders; the training module knows no method by name.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from torch import Generator, Tensor, nn

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset
from actionmae.core.tensors import ClassifierOutput, ClipBatch
from actionmae.methods.config import METHODS, MethodConfig, config_class
from actionmae.nn.architectures import SavedModel
from actionmae.nn.build import build_classifier
from actionmae.nn.checkpoint import load_model
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class StepOutput:
    """What one training step computed.

    Attributes:
        losses: Weighted scalar terms; their sum is minimised (Eq. 6).
        output: The model's output, where there is one.
        logs: Further numbers to record, detached scalars.
    """

    losses: dict[str, Tensor]
    output: ClassifierOutput | None = None
    logs: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Draws:
    """CPU generators of one step: the only source of randomness of a method.

    Attributes:
        shared: The same for every process and every forward pass of one optimiser step ("at every iteration", App. B).
        own: Differs between them.
    """

    shared: Generator
    own: Generator

    @classmethod
    def from_seed(cls, seed: int) -> "Draws":
        """Two equal generators: enough where there is one process and one forward pass per step."""
        return cls(shared=Generator().manual_seed(seed), own=Generator().manual_seed(seed))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Parameters with an optimiser of their own.

    Attributes:
        parts: Beginnings of the names of the method's parameters, up to a dot ("model.encoders"); "" = all.
        lr_factor: Times the learning rate of the settings.
    """

    parts: tuple[str, ...] = ("",)
    lr_factor: float = 1.0

    def has(self, name: str) -> bool:
        """Whether a parameter belongs to the group."""
        return any(part == "" or name == part or name.startswith(f"{part}.") for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a training.

    Attributes:
        name: For logs and checkpoints; a file name.
        epochs: How many; the learning rate's schedule begins anew in each stage, and a cosine falls to 0 in it.
        groups: What is trained, in the order in which the groups are stepped for each batch; all else is frozen.
        copies: By part of the method ("teacher"), where its weights come from as the stage begins: another part as the
            stages before left it, or a model folder. What a model folder gives is not saved in checkpoints.
    """

    name: str
    epochs: int
    groups: Mapping[str, Group] = field(default_factory=lambda: {"all": Group()})
    copies: Mapping[str, str | Path] = field(default_factory=dict)


class Method(nn.Module, ABC):
    """Batch → `StepOutput`. Everything that is trained or frozen is a part of it; `model` alone is saved in the end.

    Args:
        model: The model that users get.
        config: The method's switches.
    """

    decides: ClassVar[Mapping[str, Any]] = {}
    """Fields of `ClassifierConfig` that are the method's, such as its fusion."""

    def __init__(self, *, model: SavedModel, config: MethodConfig) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.outside: set[str] = set()
        """Parts that came from model folders and were never trained: checkpoints leave them out."""

    @classmethod
    def build(
        cls, config: Any, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig
    ) -> "Method":
        """The method around a new model: what the user asks for, with the fields that the method `decides`.

        Args:
            config: Of the class under which the method is registered.
            modalities: In slot order.
            classes: Names in the order of the logits.
            model: Sizes and encoders, from which the method makes the networks that it needs.

        Raises:
            ValueError: If these do not fit each other, or `model` asks for parts that would not be trained.
        """
        network = own_model(config.name, modalities=modalities, classes=classes, model=model, **cls.decides)
        return cls(model=network, config=config)

    @abstractmethod
    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """One forward pass with the losses of one group.

        Args:
            batch: Labelled clips after the device transform.
            draws: For everything random.
            stage: The current stage's name.
            group: Which group's parameters the losses will move.
        """

    @property
    def supported_subsets(self) -> tuple[Subset, ...] | None:
        """Subsets for which the trained model predicts; None = all."""
        return None

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """The stages, in order.

        Args:
            epochs: Of the settings, for each stage that has no number of its own.
        """
        return (Stage(name="train", epochs=epochs),)

    def enter(self, stage: Stage, *, frozen: frozenset[str] = frozenset()) -> None:
        """Let only the stage's groups be trained, and of them nothing in `frozen` (names of parameters)."""
        self.train()  # what an earlier stage froze was in eval mode
        for name, parameter in self.named_parameters():
            parameter.requires_grad = name not in frozen and any(group.has(name) for group in stage.groups.values())
            if parameter.requires_grad:
                self.outside -= {part for part in self.outside if name.startswith(f"{part}.")}

    def begin(self, stage: Stage) -> None:
        """Copy what the stage begins with.

        Raises:
            FileNotFoundError: If a model folder does not exist.
            ValueError: If weights do not fit.
        """
        for part, source in stage.copies.items():
            origin = load_model(source) if isinstance(source, Path) else self.get_submodule(source)
            try:
                self.get_submodule(part).load_state_dict(origin.state_dict())
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1].strip()
                raise ValueError(f"the weights of {source} do not fit the method's {part}: {reason}") from error
            if isinstance(source, Path):
                self.outside.add(part)


def own_model(
    method: str, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig, **parts: Any
) -> MultiModalClassifier:
    """The model of a method: sizes and encoders of `model`, with the parts that the method names.

    Args:
        method: Its registered name.
        modalities: In slot order.
        classes: Names in the order of the logits.
        model: What the user asks for.
        parts: Fields of `ClassifierConfig` that the method decides.

    Raises:
        ValueError: If `model` asks for a part that the method would not train.
    """
    for part, given in {
        "action_mae": model.action_mae,
        "completion": model.completion,
        "token_heads": model.token_heads,
    }.items():
        if given and given != parts.get(part):
            raise ValueError(f"model.{part} is {given!r} but method {method!r} does not train it: leave it out")
    return build_classifier(modalities, classes=classes, config=replace(model, **parts))


def build_method(
    config: MethodConfig, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig
) -> Method:
    """The method that `config` names, around a new model.

    Raises:
        ValueError: If the method is unknown, or settings do not fit each other.
    """
    wanted = config_class(config.name)
    if not isinstance(config, wanted):
        raise ValueError(f"method {config.name!r} needs a {wanted.__name__}, not a {type(config).__name__}")
    module, _, cls = METHODS[config.name][1].partition(":")
    chosen: type[Method] = getattr(importlib.import_module(module), cls)
    method = chosen.build(config, modalities=modalities, classes=classes, model=model)
    method.model.supported_subsets = method.supported_subsets
    return method

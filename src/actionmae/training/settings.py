"""All settings of a training run: the arguments of `actionmae train`, the content of a run's config.yaml. No torch."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from actionmae.core.choices import check_choice
from actionmae.core.devices import check_device
from actionmae.core.settings_files import find_settings, load_settings
from actionmae.core.yaml_files import read_yaml
from actionmae.methods.config import DEFAULT_METHOD, MethodConfig, config_class, method_config
from actionmae.nn.config import ClassifierConfig
from actionmae.training.config import DataConfig, OptimConfig
from actionmae.training.engine import EngineConfig

InitParts = Literal["all", "encoders", "space"]
Select = Literal["last", "val"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What a training run is, but for the folder that it is written to.

    Attributes:
        data: Which clips.
        model: Architecture.
        method: What is minimised.
        optim: Optimiser and schedule.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
        num_devices: Processes per machine, each on a device of its own and with its own `data.batch_size`; -1 = one on
            each GPU.
        engine: Precision, threads, seed.
        init: Model folders to fine-tune from: one gives all that fits, several give their encoders.
        init_parts: What is taken from them: all, encoders (space and time; Table 7d: S+T) or space (S).
        freeze_init: Train only the rest.
        select: Which epoch is the result: the last, or the best on the validation clips (mean top-1 over the subsets).
        score: Score the test clips at the end, and write the robustness report.

    Raises:
        ValueError: If a number is not finite, a word is none of the choices, or there is no such device.
    """

    data: DataConfig
    model: ClassifierConfig = field(default_factory=ClassifierConfig)
    method: MethodConfig = field(default_factory=lambda: method_config({}))
    optim: OptimConfig = field(default_factory=OptimConfig)
    device: str = "auto"
    num_devices: int = 1
    engine: EngineConfig = field(default_factory=EngineConfig)
    init: tuple[Path, ...] = ()
    init_parts: InitParts = "all"
    freeze_init: bool = False
    select: Select = "last"
    score: bool = True

    def __post_init__(self) -> None:
        check_device(self.device, self.num_devices)
        check_choice("select", self.select, Select)
        check_choice("init_parts", self.init_parts, InitParts)
        for name, value in flat(self.to_dict()).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} is {value}: give a finite number")

    @classmethod
    def from_yaml(cls, path: Path | str) -> "TrainSettings":
        """Read a file such as a run's config.yaml, or a recipe by its name; what it does not set has its default.

        Raises:
            FileNotFoundError: If there is no such regular file.
            ValueError: In one sentence, if it is no YAML, or a setting is unknown, of another type or out of range.
        """
        file = find_settings(path)
        chosen = load_settings(file, cls.with_method(method_of(read_yaml(file))))
        return cls(**{each.name: getattr(chosen, each.name) for each in dataclasses.fields(cls)})

    @classmethod
    def with_method(cls, name: str) -> type["TrainSettings"]:
        """The same settings with the switches of one method.

        Raises:
            ValueError: If the method is unknown.
        """
        config = config_class(name)
        narrow = dataclasses.make_dataclass(
            cls.__name__, [("method", config, field(default_factory=config))], bases=(cls,), frozen=True, kw_only=True
        )
        narrow.__doc__ = cls.__doc__
        return narrow

    @property
    def num_processes(self) -> int | None:
        """How many processes train; None = one on each GPU of the machine, however many there are."""
        return None if self.num_devices == -1 else self.num_devices * self.engine.num_nodes

    def to_dict(self) -> dict[str, Any]:
        """As YAML and JSON know it."""
        settings: dict[str, Any] = _plain(self)
        return settings


def method_of(content: Any) -> str:
    """The method that the content of a settings file names; it decides which switches there are."""
    method = content.get("method") if isinstance(content, dict) else None
    return str(method.get("name", DEFAULT_METHOD)) if isinstance(method, dict) else DEFAULT_METHOD


def flat(settings: Any, name: str = "") -> dict[str, Any]:
    """Single values by their dotted names, such as `optim.lr` or `data.modalities.0.shape.1`."""
    items = dict(_items(settings))
    if not items:
        return {name: settings}
    return {
        key: value for part, each in items.items() for key, value in flat(each, f"{name}.{part}".lstrip(".")).items()
    }


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(at), each) for at, each in enumerate(value))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value

"""Settings in YAML files and on the command line → typed values, by jsonargparse over `read_yaml`. No torch.

One value does where a list may stand.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import jsonargparse

from actionmae.core.yaml_files import parse_yaml, read_yaml

T = TypeVar("T")

_MODE = "strict_yaml"


def new_parser(**options: Any) -> jsonargparse.ArgumentParser:
    """A parser that raises `jsonargparse.ArgumentError` and reads `--config` and structured values strictly."""
    parser = jsonargparse.ArgumentParser(exit_on_error=False, parser_mode=_MODE, **options)
    parser.add_argument("--config", action=_ConfigFile, help="YAML file with any of the arguments below")
    return parser


def load_settings(path: Path, kind: type[T]) -> T:
    """A dataclass from the YAML file of its fields.

    Raises:
        FileNotFoundError: If there is no such regular file.
        ValueError: In one sentence, if the file is no YAML or does not fit.
    """
    parser = new_parser()
    parser.add_class_arguments(kind)
    try:
        values = parser.instantiate(parser.parse_args(["--config", str(path)]))
    except jsonargparse.ArgumentError as error:
        raise ValueError(f"{path} cannot be used: {' '.join(str(error).split())}") from error
    return kind(**{name: value for name, value in vars(values).items() if name != "config"})


def wants_list(kind: Any) -> bool:
    """Whether a type hint is a list or tuple of any length, perhaps an optional one."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(wants_list(each) for each in inner)
    return origin is list or (origin is tuple and ... in inner)


def list_arguments(parser: jsonargparse.ArgumentParser) -> set[str]:
    """Names of the arguments that take a list, nested ones with dots."""
    return {action.dest for action in parser._actions if wants_list(getattr(action, "_typehint", None))}


class _ConfigFile(jsonargparse.ActionConfigFile):  # type: ignore[name-defined, misc]  # not re-exported
    """`--config`: its values take the place of the defaults."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        content = read_yaml(Path(values))
        if not isinstance(content, dict):
            raise ValueError(f"{values} holds no settings: write them as name: value")
        super().__call__(parser, cfg, json.dumps(_with_lists(content, list_arguments(parser))), option_string)


def _with_lists(content: Mapping[str, Any], lists: set[str], prefix: str = "") -> dict[str, Any]:
    """The same settings, with a list around a single value where a list is wanted."""
    out: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{prefix}{key}"
        if name in lists and value is not None and not isinstance(value, list):
            out[key] = [value]
        elif name not in lists and isinstance(value, dict):
            out[key] = _with_lists(value, lists, f"{name}.")
        else:
            out[key] = value
    return out


jsonargparse.set_loader(_MODE, parse_yaml)

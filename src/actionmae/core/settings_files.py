"""YAML settings → typed values by jsonargparse, strictly and bounded. No torch.

A key given twice is refused, and so are a file that is no regular one (reading a FIFO waits for ever) and a text that
stands for more values, or deeper ones, than settings ever have (aliases, nested brackets). One value does where a list
may stand.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import jsonargparse
import yaml

T = TypeVar("T")

MAX_BYTES, MAX_VALUES, MAX_DEPTH = 2**20, 100_000, 20
_MODE = "strict_yaml"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
        raise ValueError(f"settings file {path} cannot be used: {' '.join(str(error).split())}") from error
    return kind(**{name: value for name, value in vars(values).items() if name != "config"})


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        FileNotFoundError: If there is no such regular file.
        ValueError: If it is too large, no YAML, or gives a key twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"settings file {path} does not exist (or is no regular file): give a YAML file")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"settings file {path} has {path.stat().st_size} bytes: give a YAML file of at most 1 MiB")
    try:
        return load_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"settings file {path} cannot be used: {error}") from error


def load_yaml(text: str) -> Any:
    """The value of a YAML text, once it is known to be bounded and unambiguous.

    Raises:
        ValueError: If it is no YAML, gives a key twice, is nested too deeply or stands for too many values.
    """
    try:
        _check(text)
        return jsonargparse.get_loader("yaml")(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML ({' '.join(str(error).split())})") from error


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
            raise ValueError(f"settings file {values} holds no settings: write them as name: value")
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


def _check(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):  # first of all: composing what is nested too deeply ends the process
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"line {event.start_mark.line + 1} is nested more than {MAX_DEPTH} levels deep")
    seen, left = 0, [yaml.compose(text, Loader=_Loader)]
    while left:
        node, seen = left.pop(), seen + 1
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            left += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value
        if seen + len(left) > MAX_VALUES:
            raise ValueError(f"it stands for more than {MAX_VALUES} values: write it without aliases")


def _check_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            raise ValueError(f"key {name!r} is given in line {lines[name]} and again in line {line}: keep one")
        lines[name] = line


jsonargparse.set_loader(_MODE, load_yaml, exceptions=(yaml.YAMLError,))

"""Settings in YAML files and on the command line → typed values, by jsonargparse over `read_yaml`. No torch.

One value does where a list may stand.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import jsonargparse

from actionmae.core.misfits import describe_misfit
from actionmae.core.yaml_files import parse_yaml, read_yaml

T = TypeVar("T")

_MODE = "strict_yaml"
_RECIPES = Path(__file__).parents[1] / "recipes"


def new_parser(**options: Any) -> jsonargparse.ArgumentParser:
    """A parser that raises `jsonargparse.ArgumentError` and reads `--config` and structured values strictly.

    Where the arguments have a `method.name`, its default is the method that is trained: what a file sets for another
    method is left out.
    """
    parser = jsonargparse.ArgumentParser(exit_on_error=False, parser_mode=_MODE, **options)
    parser.add_argument(
        "--config", action=_ConfigFile, help="YAML file with any of the arguments below, or the name of a recipe: small"
    )
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
        raise ValueError(f"{path} cannot be used: {describe_misfit(error, setting_kinds(parser))}") from error
    return kind(**{name: value for name, value in vars(values).items() if name != "config"})


def find_settings(name: Path | str) -> Path:
    """A settings file, or the recipe of that name that is part of this package.

    Raises:
        FileNotFoundError: If there is neither.
    """
    path, recipes = Path(name), sorted(_RECIPES.glob("*.yaml"))
    if path.exists() and not path.is_dir():
        return path
    recipe = _RECIPES / f"{name}.yaml"
    if recipe not in recipes:
        known = ", ".join(each.stem for each in recipes)
        raise FileNotFoundError(
            f"settings file {name} does not exist: give a YAML file, or the name of a recipe: {known}"
        )
    return recipe


def wants_list(kind: Any) -> bool:
    """Whether a type hint is a list or tuple of any length, perhaps an optional one."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(wants_list(each) for each in inner)
    return origin is list or (origin is tuple and ... in inner)


def setting_kinds(parser: jsonargparse.ArgumentParser) -> dict[str, Any]:
    """The type hints of the arguments by name, nested ones with dots."""
    return {action.dest: getattr(action, "_typehint", action.type) for action in parser._actions}


def list_arguments(parser: jsonargparse.ArgumentParser) -> set[str]:
    """Names of the arguments that take a list."""
    return {name for name, kind in setting_kinds(parser).items() if wants_list(kind)}


def switch_arguments(parser: jsonargparse.ArgumentParser) -> set[str]:
    """Names of the arguments that are true or false."""
    return {name for name, kind in setting_kinds(parser).items() if kind is bool}


class _ConfigFile(jsonargparse.ActionConfigFile):  # type: ignore[name-defined, misc]  # not re-exported
    """`--config`: its values take the place of the defaults."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        content = read_yaml(find_settings(values))
        if not isinstance(content, dict):
            raise ValueError(f"{values} holds no settings: write them as name: value")
        _require_groups(parser, content)
        _leave_out_other_method(parser, content)
        super().__call__(parser, cfg, json.dumps(_with_lists(content, list_arguments(parser))), option_string)


def _require_groups(parser: jsonargparse.ArgumentParser, content: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse a value where a group of settings belongs: `data: 5`."""
    for key, value in content.items():
        name = f"{prefix}{key}"
        if any(each.startswith(f"{name}.") for each in setting_kinds(parser)):
            if not isinstance(value, Mapping):
                raise ValueError(f"{name} is {value}: give its settings as name: value")
            _require_groups(parser, value, f"{name}.")


def _leave_out_other_method(parser: jsonargparse.ArgumentParser, content: dict[str, Any]) -> None:
    known = {action.dest: action.default for action in parser._actions}
    method, trained = content.get("method"), known.get("method.name")
    if trained is not None and isinstance(method, dict) and method.get("name", trained) != trained:
        content["method"] = {key: method[key] for key in method if key != "name" and f"method.{key}" in known}


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

"""A verb's words → the typed arguments of its function; what does not fit becomes one sentence."""

import inspect
import json
import stat
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_NO_VALUE = ("-h", "--help", "--print_config")


def parse(verb: Callable[..., Any], words: list[str]) -> dict[str, Any]:
    """Typed arguments of a verb.

    Parameters before the `*` of its signature are given by position: one with a default may be left out, a list takes
    one word or more. All others are flags. A parameter whose annotation is the name of a settings class (as a string,
    so that its module is imported only now) stands for one flag for each field of that class.

    Args:
        verb: A documented function.
        words: What follows the verb on the command line.

    Raises:
        ValueError: In one sentence, if they do not fit its signature.
    """
    import jsonargparse

    from actionmae.core.misfits import describe_misfit
    from actionmae.core.settings_files import list_arguments, new_parser, setting_kinds, switch_arguments

    # jsonargparse looks a function's name up in all parent packages, and to find `actionmae.train` imports Lightning.
    verb.__qualname__ = f"{verb.__name__} (verb)"
    parser = new_parser(prog=f"actionmae {verb.__name__}", description=summary(verb))
    parameters = inspect.signature(verb).parameters
    classes = {name: _settings_class(verb, each.annotation) for name, each in parameters.items() if _names_class(each)}
    by_position = [
        each for each in parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD and each.name not in classes
    ]
    _add_by_position(parser, by_position, inspect.getdoc(verb) or "")
    for settings in classes.values():
        chosen = settings.with_method(_method_name(words)) if hasattr(settings, "with_method") else settings
        parser.add_class_arguments(chosen)
    parser.add_function_arguments(verb, skip={*classes, *(each.name for each in by_position)})
    flags = _in_order(words, _flags(switch_arguments(parser)), _flags(list_arguments(parser)))
    try:
        parsed = parser.instantiate(parser.parse_args(flags))
    except jsonargparse.ArgumentError as error:
        text = describe_misfit(error, setting_kinds(parser))
        raise ValueError(f"{text} (actionmae {verb.__name__} --help lists all arguments)") from error
    return {
        name: classes[name](**{each.name: parsed[each.name] for each in fields(classes[name])})
        if name in classes
        else parsed[name]
        for name in parameters
    }


def _method_name(words: list[str]) -> str:
    """Which training method the words or their settings file name: it decides which switches there are."""
    from actionmae.core.settings_files import find_settings
    from actionmae.core.yaml_files import read_yaml
    from actionmae.training.settings import method_of

    name, told = method_of(None), ""
    for at, word in enumerate(words):
        flag, equals, value = word.partition("=")
        value = value if equals else (words[at + 1] if at + 1 < len(words) else "")
        if flag == "--config":
            name = method_of(read_yaml(find_settings(value)))
        elif flag in ("--method.name", "--method-name"):
            told = value
    return told or name


def summary(verb: Callable[..., Any]) -> str:
    """The first line of its docstring."""
    return (inspect.getdoc(verb) or "").partition("\n")[0]


def sentence(error: BaseException) -> str:
    """An error's message on one line."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


def _flags(names: set[str]) -> set[str]:
    return {f"--{name}" for name in names}


def _names_class(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.annotation, str)


def _settings_class(verb: Callable[..., Any], name: str) -> Any:
    return getattr(sys.modules[verb.__module__], name)


def _add_by_position(parser: "ArgumentParser", parameters: list[inspect.Parameter], doc: str) -> None:
    from docstring_parser import parse as parse_docstring

    texts = {each.arg_name: each.description for each in parse_docstring(doc).params}
    for each in parameters:
        options: dict[str, Any] = {}
        if get_origin(each.annotation) is list:
            options["nargs"] = "+"
        elif each.default is not each.empty:
            options["nargs"] = "?"
        kind = Path if "Path" in str(each.annotation) else str
        parser.add_argument(each.name, type=kind, help=texts.get(each.name), **options)


def _in_order(words: list[str], switches: set[str], lists: set[str]) -> list[str]:
    """Words given by position, the settings file, then flags with their values.

    argparse takes no more words by position after a flag, and of two values the later: what is said on the command line
    goes before what stands in the file, wherever the file is named.

    A switch alone, `--frame-loss`, means `--frame_loss true`; one value does where a list may stand.
    """
    by_position: list[str] = []
    files: list[str] = []
    others: list[str] = []
    left = words[::-1]
    while left:
        word = left.pop()
        if not word.startswith("-"):
            by_position.append(word)
            continue
        name, equals, value = word.partition("=")
        name = name[:2] + name[2:].replace("-", "_")
        flags = files if name == "--config" else others
        flags.append(name)
        if name in _NO_VALUE:
            continue
        if name in switches and not equals and (not left or left[-1].lower() not in ("true", "false")):
            flags.append("true")
        elif equals or left:
            given = value if equals else left.pop()
            _check_regular(name, given)
            flags.append(_as_list(given) if name in lists else given)
    return by_position + files + others


def _check_regular(flag: str, value: str) -> None:
    """A group of settings may be a file, too, and reading a pipe would wait for ever."""
    try:
        mode = Path(value).stat().st_mode
    except (OSError, ValueError):  # no file at all
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(f"{flag} is {value}, which is no regular file: give a file or a value")


def _as_list(word: str) -> str:
    if word.startswith(("[", "null")):
        return word
    return f"[{word}]" if word.startswith("{") else json.dumps([word])

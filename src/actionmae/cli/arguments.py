"""A verb's words → the typed arguments of its function; what does not fit becomes one sentence."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_NO_VALUE = ("-h", "--help", "--print_config")


def parse(verb: Callable[..., Any], words: list[str]) -> dict[str, Any]:
    """Typed arguments of a verb.

    Parameters before the `*` of its signature are given by position: one with a default may be left out, a list takes
    one word or more. All others are flags.

    Args:
        verb: A documented function.
        words: What follows the verb on the command line.

    Raises:
        ValueError: In one sentence, if they do not fit its signature.
    """
    import jsonargparse

    # jsonargparse looks a function's name up in all parent packages, and to find `actionmae.train` imports Lightning.
    verb.__qualname__ = f"{verb.__name__} (verb)"
    parser = jsonargparse.ArgumentParser(
        prog=f"actionmae {verb.__name__}", description=summary(verb), exit_on_error=False
    )
    parser.add_argument("--config", action="config", help="YAML file with any of the arguments below")
    parameters = inspect.signature(verb).parameters
    by_position = [each for each in parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
    _add_by_position(parser, by_position, inspect.getdoc(verb) or "")
    parser.add_function_arguments(verb, skip={each.name for each in by_position})
    switches = {f"--{name}" for name, parameter in parameters.items() if parameter.annotation is bool}
    try:
        parsed = parser.instantiate(parser.parse_args(_in_order(words, switches)))
    except jsonargparse.ArgumentError as error:
        raise ValueError(f"{sentence(error)} (actionmae {verb.__name__} --help lists all arguments)") from error
    return {name: parsed[name] for name in parameters}


def summary(verb: Callable[..., Any]) -> str:
    """The first line of its docstring."""
    return (inspect.getdoc(verb) or "").partition("\n")[0]


def sentence(error: BaseException) -> str:
    """An error's message on one line."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


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


def _in_order(words: list[str], switches: set[str]) -> list[str]:
    """Words given by position, then flags with their values: argparse takes no more words by position after a flag.

    A switch alone, `--frame-loss`, means `--frame_loss true`.
    """
    by_position: list[str] = []
    flags: list[str] = []
    left = words[::-1]
    while left:
        word = left.pop()
        if not word.startswith("-"):
            by_position.append(word)
            continue
        name, equals, value = word.partition("=")
        name = name[:2] + name[2:].replace("-", "_")
        flags.append(name + equals + value)
        if equals or name in _NO_VALUE:
            continue
        if name in switches and (not left or left[-1].lower() not in ("true", "false")):
            flags.append("true")
        elif left:
            flags.append(left.pop())
    return by_position + flags

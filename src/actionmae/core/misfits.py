"""What jsonargparse says of a setting that does not fit → one plain sentence. No torch."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from actionmae.core.choices import did_you_mean

_MISFIT = re.compile(r'Parser key "([^"]+)":.* (?:Got|Given) value: (.*)')
_UNKNOWN = re.compile(r"(?:Option|Key) '([^']+)' is not (?:accepted|expected)|unrecognized arguments: --([\w.]+)")
_UNKNOWN_OF_GROUP = re.compile(r"Group '([^']+)' does not accept option '([^']+)'")
_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Path: "a path",
    NoneType: "null",
    dict: "a mapping, name: value",
    list: "a list",
    tuple: "a list",
}


def describe_misfit(error: Exception, kinds: dict[str, Any]) -> str:
    """One sentence: what was given, and what is allowed where that can be told.

    Args:
        error: Of jsonargparse.
        kinds: The type hints of all settings by name, nested ones with dots.
    """
    text = " ".join(str(error).split())
    if (found := _MISFIT.match(text)) and found[1] in kinds:
        given = "null" if found[2] == "None" else found[2]
        return f"{found[1]} is {given}: give {_in_words(kinds[found[1]])}"
    if found := _UNKNOWN_OF_GROUP.search(text) or _UNKNOWN.search(text):
        name = ".".join(filter(None, found.groups()))
        return f"there is no setting {name}{did_you_mean(name, kinds)}"
    return text


def _in_words(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _either(map(str, inner))
    if origin in (Union, UnionType):
        return _either(map(_in_words, inner))
    return _WORDS.get(origin or kind, str(kind))


def _either(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last

"""JSON files of this project, read back and checked: what a program or a person has damaged becomes one sentence."""

from __future__ import annotations

from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

MAX_BYTES = 64 * 2**20
"""No JSON file that this project writes comes near this size."""


def read_json(path: Path, form: type[T] | GenericAlias, *, writer: str) -> T:
    """Read a file and check it against a type.

    Args:
        path: The file.
        form: What it must hold: a dataclass, `list[...]`, `dict[str, ...]`, as msgspec converts them (strictly; unknown
            keys of a dataclass are ignored).
        writer: The verb that writes such files, for the message.

    Raises:
        FileNotFoundError: If there is no such regular file.
        ValueError: If it is too large, no JSON, or of another form; names the place in the file.
    """
    content = parse_json(path, writer=writer)
    try:
        return msgspec.convert(content, form)
    except (ValueError, TypeError) as error:  # msgspec's own error is a ValueError, too
        reason = f"is damaged or was edited ({error})"
        raise ValueError(f"{path} {reason}: let `actionmae {writer}` write it again") from error


def parse_json(path: Path, *, writer: str) -> Any:
    """Read a file as JSON, whatever its form.

    Raises:
        FileNotFoundError: If there is no such regular file.
        ValueError: If it is too large or no JSON.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: `actionmae {writer}` writes it")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, which is no file of `actionmae {writer}`")
    try:
        return msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): let `actionmae {writer}` write it again") from error

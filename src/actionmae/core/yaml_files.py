"""YAML files that people write, read so that no mistake in them passes unseen. No torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 2**20
"""No YAML file that a person writes comes near this size."""


def read_yaml(path: Path) -> Any:
    """Read a YAML file as plain data: mappings, lists, texts, numbers, booleans, None.

    Aliases are refused, because a few lines of them may stand for gigabytes, and so is a key that is given twice.

    Raises:
        FileNotFoundError: If there is no such regular file.
        ValueError: If it is too large, not UTF-8, no YAML, or has an alias or a key twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give a YAML file")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes: give a YAML file of at most {MAX_BYTES:,}")
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as YAML ({error}): correct the file") from error


def parse_yaml(text: str) -> Any:
    """The value of a YAML text, as `read_yaml` understands it.

    Raises:
        ValueError: If it is no YAML, nested too deeply, or has an alias or a key twice.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(" ".join(str(error).split())) from error


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML comes without types
    # Dates stay texts, and 1e-3 is a number as in YAML 1.2.
    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own way
        first: [(tag, form) for tag, form in known if not tag.endswith("timestamp")]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, f"alias *{event.anchor} is not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            fault = "a key is no text" if not isinstance(key, yaml.ScalarNode) else ""
            fault = fault or (f"key {key.value!r} is given twice" if key.value in seen else "")
            if fault:
                raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)

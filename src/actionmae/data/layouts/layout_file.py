"""A layout in a Python file of somebody's own: imported, and checked before anything rests on it. No torch."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from actionmae.core.modality import resolve
from actionmae.data.cell_text import as_cell
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow
from actionmae.data.manifest_table import FACTS

Index = Callable[[Path], tuple[list[ClipRow], list[str]]]

_HELP = "see docs/how_to/new_data_set.md"


def import_layout(path: Path) -> ModuleType:
    """Import a layout that belongs to no package, and check what it defines; its `index` is checked when it runs.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be imported, lacks something, or defines something else than a layout needs.
    """
    if not path.is_file():
        raise FileNotFoundError(f"layout {path} does not exist: give a Python file, or the name of a known layout")
    loader = SourceFileLoader(f"actionmae_layout_{path.stem}", str(path))
    module = sys.modules[loader.name] = ModuleType(loader.name)  # a dataclass looks for its module there
    module.__file__ = str(path)
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the file does
        raise ValueError(f"layout {path} cannot be imported: {_said(error)}") from error
    if lacking := [each for each in ("CLASSES", "PROTOCOLS", "index") if not hasattr(module, each)]:
        raise ValueError(
            f"layout {path} has no {', '.join(lacking)}: a layout has CLASSES, PROTOCOLS and index(root), {_HELP}"
        )
    _check(path, module)
    module.index = _checked(path, module.index, tuple(module.CLASSES))  # type: ignore[attr-defined]  # a module's own names
    return module


def _check(path: Path, module: ModuleType) -> None:
    if not _texts(module.CLASSES) or not module.CLASSES or len(set(module.CLASSES)) < len(module.CLASSES):
        raise ValueError(f"layout {path}: CLASSES is no list of different names: give each class once, {_HELP}")
    if not isinstance(module.PROTOCOLS, Mapping) or not all(map(_is_protocol, module.PROTOCOLS.values())):
        raise ValueError(f"layout {path}: PROTOCOLS is no mapping from names to SplitProtocol(field, train), {_HELP}")
    specs = getattr(module, "SPECS", {})
    if not isinstance(specs, Mapping):
        raise ValueError(f"layout {path}: SPECS is no mapping from names of modalities to what is different, {_HELP}")
    for name, spec in specs.items():
        try:
            fits = resolve(spec).name == name
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"layout {path}: SPECS[{name!r}]: {error}") from error
        if not fits:
            raise ValueError(f"layout {path}: SPECS[{name!r}] is of modality {spec['name']!r}: give both one name")
    if not callable(module.index):
        raise ValueError(f"layout {path}: index is no function index(root), {_HELP}")


def _is_protocol(protocol: Any) -> bool:
    """Its types are those that it declares: a file that nobody checked may have given others."""
    return (
        isinstance(protocol, SplitProtocol)
        and protocol.field in ("subject", "camera", "setup")
        and all(
            isinstance(values, frozenset) and _texts(list(values))
            for values in (protocol.train, protocol.test or protocol.train)
        )
    )


def _texts(values: Any) -> bool:
    return (
        isinstance(values, Sequence) and not isinstance(values, str) and all(isinstance(each, str) for each in values)
    )


def _checked(path: Path, index: Callable[[Path], Any], classes: tuple[str, ...]) -> Index:
    """The file's function; what it raises or returns by mistake becomes one sentence."""

    def checked(root: Path) -> tuple[list[ClipRow], list[str]]:
        try:
            found = index(root)
        except (FileNotFoundError, ValueError):  # what a layout is asked to raise
            raise
        except Exception as error:
            raise ValueError(f"index of layout {path} fails: {_said(error)}") from error
        if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], list) and _texts(found[1])):
            raise ValueError(f"index of layout {path} returns no (rows, problems): two lists, {_HELP}")
        return [_checked_row(path, row, classes) for row in found[0]], list(found[1])

    return checked


def _checked_row(path: Path, row: Any, classes: tuple[str, ...]) -> ClipRow:
    if not isinstance(row, ClipRow) or not all(isinstance(getattr(row, fact), str) for fact in FACTS):
        raise ValueError(f"index of layout {path} returns {row!r}: give a ClipRow whose facts are texts, {_HELP}")
    if row.label not in classes:
        raise ValueError(f"index of layout {path} gives {row.sample!r} the label {row.label!r}: it is none of CLASSES")
    try:
        return dataclasses.replace(row, files={name: as_cell(file) for name, file in row.files.items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"index of layout {path}, files of {row.sample!r}: {error}") from error


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

"""How public data sets name and divide their recordings: one small module each, loaded when asked for. No torch.

A layout module has `CLASSES` (class names in order), `PROTOCOLS` (name → `SplitProtocol`) and `index(root) -> (rows,
problems)`, problems being one sentence for each thing that cannot be used; optionally `SPECS` (changes to the
registered modalities which this data set needs, as `ModalitySet` takes them) and `EXAMPLE` (how a recording is named).

Wherever a layout is named, the path of a Python file with these will do: `my_layout.py`, and for its protocols
`my_layout.py/cross-subject`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from actionmae.core.choices import did_you_mean
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow

LAYOUTS = ("ntu60", "ntu120", "ntu", "nw_ucla", "utd_mhad", "uwa3d")
"""Names of the known layouts."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A loaded layout module; its attributes are the module's."""

    name: str
    classes: tuple[str, ...]
    protocols: Mapping[str, SplitProtocol]
    specs: Mapping[str, Mapping[str, Any]]
    example: str
    index: Callable[[Path], tuple[list[ClipRow], list[str]]]


def load_layout(name: str) -> Layout:
    """Load one layout.

    Args:
        name: One of `LAYOUTS`, or the path of a Python file, which ends in .py.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the name is unknown, or the file cannot be imported or lacks something.
    """
    if name.endswith(".py"):
        module = _import_file(Path(name))
    elif name in LAYOUTS:
        module = importlib.import_module(f"{__name__}.{name}")
    else:
        raise ValueError(
            f"unknown layout {name!r}{did_you_mean(name, LAYOUTS)}: known are {', '.join(LAYOUTS)}, or give a Python "
            "file"
        )
    if lacking := [each for each in ("CLASSES", "PROTOCOLS", "index") if not hasattr(module, each)]:
        raise ValueError(
            f"layout {name} has no {', '.join(lacking)}: a layout has CLASSES, PROTOCOLS and index(root), see "
            "docs/how_to/new_data_set.md"
        )
    return Layout(
        name=name,
        classes=tuple(module.CLASSES),
        protocols=module.PROTOCOLS,
        specs=getattr(module, "SPECS", {}),
        example=getattr(module, "EXAMPLE", ""),
        index=module.index,
    )


def find_protocol(name: str) -> SplitProtocol:
    """The protocol "<layout>/<name>", as in "utd_mhad/cross-subject" or "my/layout.py/cross-subject".

    Raises:
        FileNotFoundError: If the layout is a file that does not exist.
        ValueError: If there is none of that name.
    """
    layout = name.rpartition("/")[0]
    layouts = [load_layout(each) for each in ([layout] if layout.endswith(".py") else LAYOUTS)]
    known = {f"{each.name}/{rule}": protocol for each in layouts for rule, protocol in each.protocols.items()}
    if name not in known:
        raise ValueError(
            f"unknown protocol {name!r}{did_you_mean(name, list(known))}: known are split, {', '.join(known)}"
        )
    return known[name]


def _import_file(path: Path) -> ModuleType:
    """Import a Python file that belongs to no package."""
    if not path.is_file():
        raise FileNotFoundError(f"layout {path} does not exist: give a Python file, or one of {', '.join(LAYOUTS)}")
    loader = SourceFileLoader(f"actionmae_layout_{path.stem}", str(path))
    module = sys.modules[loader.name] = ModuleType(loader.name)  # a dataclass looks for its module there
    module.__file__ = str(path)
    try:
        loader.exec_module(module)
    except Exception as error:  # whatever the file does
        raise ValueError(f"layout {path} cannot be imported: {type(error).__name__}: {error}") from error
    return module

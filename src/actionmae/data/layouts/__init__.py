"""How public data sets name and divide their recordings: one small module each, loaded when asked for. No torch.

A layout module has `CLASSES` (class names in order), `PROTOCOLS` (name → `SplitProtocol`) and `index(root) -> (rows,
problems)`, problems being one sentence for each thing that cannot be used; optionally `SPECS` (changes to the
registered modalities which this data set needs, as `ModalitySet` takes them) and `EXAMPLE` (how a recording is named).

Wherever a layout is named, the path of a Python file with these will do: `my_layout.py`, and for its protocols
`my_layout.py/cross-subject`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionmae.core.choices import did_you_mean
from actionmae.data.layouts.layout_file import Index, import_layout
from actionmae.data.layouts.protocol import SplitProtocol

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
    index: Index


def load_layout(name: str) -> Layout:
    """Load one layout.

    Args:
        name: One of `LAYOUTS`, or the path of a Python file, which ends in .py.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the name is unknown, or the file is no layout.
    """
    if name.endswith(".py"):
        module = import_layout(Path(name))
    elif name in LAYOUTS:
        module = importlib.import_module(f"{__name__}.{name}")
    else:
        raise ValueError(
            f"unknown layout {name!r}{did_you_mean(name, LAYOUTS)}: known are {', '.join(LAYOUTS)}, or give a Python "
            "file"
        )
    return Layout(
        name=name,
        classes=tuple(module.CLASSES),
        protocols=module.PROTOCOLS,
        specs=getattr(module, "SPECS", {}),
        example=getattr(module, "EXAMPLE", ""),
        index=module.index,
    )


def find_protocol(name: str, classes: Sequence[str] = ()) -> SplitProtocol:
    """The protocol "<layout>/<name>", as in "utd_mhad/cross-subject" or "my/layout.py/cross-subject".

    Args:
        name: The protocol's.
        classes: Of the manifest that is to be divided: a layout that does not know them is another data set's.

    Raises:
        FileNotFoundError: If the layout is a file that does not exist.
        ValueError: If there is none of that name, or it belongs to another data set.
    """
    layout = name.rpartition("/")[0]
    layouts = [load_layout(each) for each in ([layout] if layout.endswith(".py") else LAYOUTS)]
    known = {f"{each.name}/{rule}": protocol for each in layouts for rule, protocol in each.protocols.items()}
    if name not in known:
        raise ValueError(
            f"unknown protocol {name!r}{did_you_mean(name, list(known))}: known are split, {', '.join(known)}"
        )
    theirs = next(each.classes for each in layouts if each.name == layout)
    if strange := [each for each in classes if each not in theirs]:
        raise ValueError(
            f"protocol {name!r} is of another data set: class {strange[0]!r} of the manifest is none of its "
            f"{len(theirs)} classes; choose the data set's own protocol, or split"
        )
    return known[name]

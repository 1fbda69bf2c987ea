"""How public data sets name and divide their recordings: one small module each, loaded when asked for. No torch.

A layout module has `CLASSES` (class names in order), `PROTOCOLS` (name → `Protocol`), optionally `SPECS` (changes to
the registered modalities which this data set needs, as `ModalitySet` takes them) and `index(root) -> (rows, problems)`,
problems being one sentence for each thing that cannot be used.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionmae.data.layouts.protocol import Protocol
from actionmae.data.manifest import ClipRow

LAYOUTS = ("ntu60", "ntu120", "ntu", "nw_ucla", "utd_mhad", "uwa3d")
"""Names of the known layouts."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A loaded layout module; its attributes are the module's."""

    name: str
    classes: tuple[str, ...]
    protocols: Mapping[str, Protocol]
    specs: Mapping[str, Mapping[str, Any]]
    index: Callable[[Path], tuple[list[ClipRow], list[str]]]


def load_layout(name: str) -> Layout:
    """Load one layout.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in LAYOUTS:
        raise ValueError(f"unknown layout {name!r}{_suggest(name, LAYOUTS)}: known are {', '.join(LAYOUTS)}")
    module = importlib.import_module(f"{__name__}.{name}")
    return Layout(
        name=name,
        classes=tuple(module.CLASSES),
        protocols=module.PROTOCOLS,
        specs=getattr(module, "SPECS", {}),
        index=module.index,
    )


def find_protocol(name: str) -> Protocol:
    """The protocol "<layout>/<name>", as in "utd_mhad/cross-subject".

    Raises:
        ValueError: If there is none of that name.
    """
    layout, _, rule = name.partition("/")
    if layout in LAYOUTS and rule in load_layout(layout).protocols:
        return load_layout(layout).protocols[rule]
    known = [f"{known}/{rule}" for known in LAYOUTS for rule in load_layout(known).protocols]
    raise ValueError(f"unknown protocol {name!r}{_suggest(name, known)}: known are split, {', '.join(known)}")


def _suggest(name: str, known: tuple[str, ...] | list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""

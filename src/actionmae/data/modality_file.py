"""What the recordings beside a manifest are: `modalities.yaml`, written by `prepare` or by hand. No torch.

It is a list as in a configuration's `data.modalities`: names of registered modalities, and mappings that change or
define one. What it says is the default wherever the manifest is used::

    - rgb
    - {name: depth, value: gray}
    - {name: thermal, letter: T, kind: frames, shape: [3, 224, 224], value: gray, encoder: resnet34}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from actionmae.core.files import write_text
from actionmae.core.modality import ModalitySpec, registered, resolve
from actionmae.core.yaml_files import read_yaml

MODALITIES_FILE = "modalities.yaml"


def read_modalities(folder: Path) -> dict[str, ModalitySpec]:
    """The modalities that `modalities.yaml` in a folder describes; none if there is no such file.

    Raises:
        ValueError: If the file is damaged, or an entry is no modality or named twice.
    """
    path = folder / MODALITIES_FILE
    if not path.exists():
        return {}
    entries = read_yaml(path)
    if not isinstance(entries, list):
        raise ValueError(f"{path} is no list: write one line - NAME, or - {{name: NAME, …}}, for each modality")
    known: dict[str, ModalitySpec] = {}
    for entry in entries:
        try:
            spec = resolve(entry)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if spec.name in known:
            raise ValueError(f"{path} describes {spec.name} twice: keep one")
        known[spec.name] = spec
    return known


def write_modalities(folder: Path, specs: Iterable[ModalitySpec]) -> None:
    """Write `modalities.yaml`: of each modality only what differs from the registered one."""
    entries = [_entry(spec) for spec in specs]
    write_text(folder / MODALITIES_FILE, yaml.safe_dump(entries, sort_keys=False, default_flow_style=None, width=120))


def _entry(spec: ModalitySpec) -> str | Mapping[str, Any]:
    fields = spec.to_dict()
    if spec.name not in registered():
        return {name: value for name, value in fields.items() if value is not None}
    usual = resolve(spec.name).to_dict()
    changes = {name: value for name, value in fields.items() if value != usual[name]}
    return {"name": spec.name, **changes} if changes else spec.name

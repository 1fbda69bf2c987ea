"""Files → `ClipBatch`: manifests, readers, sampling, clips, device transforms. Names are loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionmae.data.clips import ClipDataset as ClipDataset
    from actionmae.data.clips import collate as collate
    from actionmae.data.manifest import ClipRow as ClipRow
    from actionmae.data.manifest import Manifest as Manifest
    from actionmae.data.manifest import read_manifest as read_manifest
    from actionmae.data.manifest import split_manifest as split_manifest
    from actionmae.data.manifest import write_manifest as write_manifest
    from actionmae.data.transforms import AugmentConfig as AugmentConfig
    from actionmae.data.transforms import transform as transform

# Without torch: manifest, readers, sampling, prepare. So this package must not import clips or transforms itself.
_HOMES = {
    "AugmentConfig": "transforms",
    "ClipDataset": "clips",
    "ClipRow": "manifest",
    "Manifest": "manifest",
    "collate": "clips",
    "read_manifest": "manifest",
    "split_manifest": "manifest",
    "transform": "transforms",
    "write_manifest": "manifest",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

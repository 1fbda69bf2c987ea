"""Files → `ClipBatch`: manifests, readers, sampling, clips, device transforms. Names are loaded when first used."""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.data.augment import AugmentConfig
    from actionmae.data.batches import collate
    from actionmae.data.clips import ClipDataset
    from actionmae.data.manifest import ClipRow, Manifest, read_manifest, split_manifest, write_manifest
    from actionmae.data.transforms import transform

__all__ = [
    "AugmentConfig",
    "ClipDataset",
    "ClipRow",
    "Manifest",
    "collate",
    "read_manifest",
    "split_manifest",
    "transform",
    "write_manifest",
]

# Without torch: manifest, readers, sampling, prepare. So this package must not import clips or transforms itself.
__getattr__ = lazy_names(
    __name__,
    {
        "AugmentConfig": "augment",
        "ClipDataset": "clips",
        "ClipRow": "manifest",
        "Manifest": "manifest",
        "collate": "batches",
        "read_manifest": "manifest",
        "split_manifest": "manifest",
        "transform": "transforms",
        "write_manifest": "manifest",
    },
)

"""Files → `ClipBatch`: manifests, readers, sampling, clips, device transforms. Names are loaded when first used."""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.data.loading.collate import collate
    from actionmae.data.loading.dataset import ClipDataset
    from actionmae.data.manifest import ClipRow, Manifest, read_manifest, write_manifest
    from actionmae.data.splits import split_manifest
    from actionmae.data.transforms.config import AugmentConfig
    from actionmae.data.transforms.transform import transform

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
        "AugmentConfig": "transforms.config",
        "ClipDataset": "loading.dataset",
        "ClipRow": "manifest",
        "Manifest": "manifest",
        "collate": "loading.collate",
        "read_manifest": "manifest",
        "split_manifest": "splits",
        "transform": "transforms.transform",
        "write_manifest": "manifest",
    },
)

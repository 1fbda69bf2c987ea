"""Recordings named and stored as in NTU RGB+D, however many (parts of it, rendered ones, one's own). No torch.

`ntu60` and `ntu120` are the published data sets, a choice of samples each; `ntu_names` has the names, `ntu_files` finds
the files.
"""

from __future__ import annotations

from pathlib import Path

from actionmae.data.layouts.ntu_files import find_samples
from actionmae.data.layouts.ntu_names import CLASSES, SampleName, parse_name
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow

__all__ = ["CLASSES", "PROTOCOLS", "TRAIN_60", "TRAIN_120", "SampleName", "ids", "index", "parse_name"]

TRAIN_60 = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
TRAIN_120 = (
    *TRAIN_60,
    45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, 95,
    97, 98, 100, 103,
)  # fmt: skip


def ids(numbers: tuple[int, ...] | range) -> frozenset[str]:
    """Numbers as manifests write them."""
    return frozenset(map(str, numbers))


PROTOCOLS: dict[str, SplitProtocol] = {
    "cross-subject": SplitProtocol(field="subject", train=ids(TRAIN_60)),
    "cross-view": SplitProtocol(field="camera", train=ids((2, 3)), test=ids((1,))),
    "cross-subject-120": SplitProtocol(field="subject", train=ids(TRAIN_120)),
    "cross-setup": SplitProtocol(field="setup", train=ids(range(2, 33, 2))),
}
"""Cross-subject and cross-view of NTU RGB+D 60; cross-subject-120 and cross-setup of NTU RGB+D 120."""

EXAMPLE = "S001C001P001R001A001_rgb.avi"


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find every sample below `root` (see `ntu_files.find_samples`).

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    found = find_samples(root)
    return found.rows, found.problems

"""NTU RGB+D 120 (Liu et al., PAMI 2019): 120 actions, 106 subjects, 3 cameras, setups 1–32, 114,480 samples."""

from __future__ import annotations

from pathlib import Path

from actionmae.data.layouts import ntu
from actionmae.data.layouts.ntu_files import find_published
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow

CLASSES = ntu.CLASSES
"""Class names; action a is CLASSES[a − 1]."""

PROTOCOLS = {
    "cross-subject": SplitProtocol(field="subject", train=ntu.ids(ntu.TRAIN_120)),
    "cross-setup": SplitProtocol(field="setup", train=ntu.ids(range(2, 33, 2))),
}
"""The official ones; the paper uses cross-subject (§4.2)."""

EXAMPLE = "S001C001P001R001A001_rgb.avi"


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find its samples below `root` (see `ntu_files.find_samples`), which include those of NTU RGB+D 60.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    return find_published(root, title="NTU RGB+D 120", setups=32, actions=120, recordings=114_480)

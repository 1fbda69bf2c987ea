"""NTU RGB+D 60 (Shahroudy et al., CVPR 2016): 60 actions, 40 subjects, 3 cameras, setups 1–17, 56,880 samples."""

from __future__ import annotations

from pathlib import Path

from actionmae.data.layouts import ntu
from actionmae.data.layouts.ntu_files import find_published
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow

CLASSES = ntu.CLASSES[:60]
"""Class names; action a is CLASSES[a − 1]."""

PROTOCOLS = {
    "cross-subject": SplitProtocol(field="subject", train=ntu.ids(ntu.TRAIN_60)),
    "cross-view": SplitProtocol(field="camera", train=ntu.ids((2, 3)), test=ntu.ids((1,))),
}
"""The official ones; the paper uses cross-subject (§4.2)."""

EXAMPLE = "S001C001P001R001A001_rgb.avi"


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find its samples below `root` (see `ntu_files.find_samples`); samples of NTU RGB+D 120 beside them are left out.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    return find_published(root, title="NTU RGB+D 60", setups=17, actions=60, recordings=56_880)

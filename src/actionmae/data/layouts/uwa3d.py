"""UWA3D Multiview Activity II (Rahmani et al., PAMI 2016): 30 actions, 10 subjects, 4 views; RGB, depth, skeleton.

`uwa3d_files` finds the files.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from actionmae.core.modality import Mirror
from actionmae.data.cell import Cell
from actionmae.data.layouts.completeness import Published
from actionmae.data.layouts.pairing import common_frames
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.layouts.uwa3d_files import TakeName, find_takes
from actionmae.data.manifest import ClipRow

CLASSES = (
    "one hand waving", "one hand punching", "two hand waving", "two hand punching", "sitting down", "standing up",
    "vibrating", "falling down", "holding chest", "holding head", "holding back", "walking", "irregular walking",
    "lying down", "turning around", "drinking", "phone answering", "bending", "jumping jack", "running", "picking up",
    "putting down", "kicking", "jumping", "dancing", "moping floor", "sneezing", "sitting down (chair)", "squatting",
    "coughing",
)  # fmt: skip
"""Class names, spelt as in the data set; action a is CLASSES[a − 1]."""


def _views(train: str, test: str) -> SplitProtocol:
    return SplitProtocol(field="camera", train=frozenset(train), test=frozenset(test))


PROTOCOLS = {"paper": _views("34", "12")} | {
    f"{first}{second}-{test}": _views(first + second, test)
    for first, second in itertools.combinations("1234", 2)
    for test in "1234"
    if test not in (first, second)
}
"""§4.2: train on views 3, 4 and test on 1, 2. The usual 12: "12-3" trains on views 1 and 2 and tests on 3."""

SPECS = {
    "depth": {"name": "depth", "value_range": None},
    "skeleton": {
        "name": "skeleton",
        "shape": (1, 15, 3),
        "mirror": Mirror(permutation=(0, 1, 2, 6, 7, 8, 3, 4, 5, 12, 13, 14, 9, 10, 11), negate=(0,)),
    },
}
"""The unit of depth is not documented: each clip's own range. One person of OpenNI's joints: head, neck, torso; left
shoulder, elbow, hand, then right; hips, knees, feet."""

_PUBLISHED = Published(
    title="UWA3D Multiview II",
    recordings=1070,  # of the 1,075 that were recorded: five exist in one modality only
    modalities=("rgb", "depth", "skeleton"),
    by="camera",
    groups="1234",
)

EXAMPLE = "UWA3D-RGB/a01_s01_v01_e01/001,.jpg"


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find the clips below `root`, and cut RGB and depth to the frames that both have.

    What is missing of the published 1,070 recordings is logged as a warning.

    Returns:
        Rows named like RGB's folders, in natural order, and one sentence for each recording that cannot be used.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    clips, problems = find_takes(root, actions=len(CLASSES))
    rows = []
    for name, cells in clips.items():
        try:
            rows.append(_row(name, cells))
        except ValueError as error:
            problems.append(str(error))
    _PUBLISHED.warn(rows)
    return rows, problems


def _row(name: TakeName, found: dict[str, Path]) -> ClipRow:
    cells = {modality: Cell(path) for modality, path in found.items()}
    images = {modality: cell for modality, cell in cells.items() if modality != "skeleton"}
    rest = {modality: cell for modality, cell in cells.items() if modality not in images}
    return ClipRow(
        sample=str(name),
        label=CLASSES[name.action - 1],
        subject=str(name.subject),
        camera=str(name.view),
        setup="1",
        files=(common_frames(images) if images else {}) | rest,
    )

"""NW-UCLA (Wang et al., CVPR 2014): 10 actions, 10 subjects, 3 views, Kinect v1; RGB, depth, skeleton.

`view_<v>/a<action>_s<subject>_e<take>/frame_<n>_tc_<t>_{rgb.jpg,depth.png,depth_vis.jpg,skeletons.txt}`: all recordings
of a clip lie in one folder. `n` is the frame and unpadded; `t`, a clock, differs between the recordings of one frame.
"""

from __future__ import annotations

import re
from pathlib import Path

from actionmae.core.modality import KINECT_V1_MIRROR
from actionmae.data.cell import Cell
from actionmae.data.folders import walk, why_left_out
from actionmae.data.layouts.completeness import Published
from actionmae.data.layouts.pairing import common_frames
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow
from actionmae.data.natural_order import natural_key

_ACTIONS = {
    1: "pick up with one hand",
    2: "pick up with two hands",
    3: "drop trash",
    4: "walk around",
    5: "sit down",
    6: "stand up",
    8: "donning",
    9: "doffing",
    11: "throw",
    12: "carry",
}

CLASSES = tuple(_ACTIONS.values())
"""Class names in the order of the a numbers, of which 7 and 10 do not exist."""


def _cross_view(test: str) -> SplitProtocol:
    return SplitProtocol(field="camera", train=frozenset("123") - {test}, test=frozenset(test))


PROTOCOLS = {"cross-view": _cross_view("3"), "cross-view-2": _cross_view("2"), "cross-view-1": _cross_view("1")}
"""Train on two views, test on the third: "cross-view" is the usual one (§4.2: test on 3), the others name theirs."""

SPECS = {
    "depth": {"name": "depth", "value_range": None},
    "skeleton": {"name": "skeleton", "shape": (1, 20, 3), "mirror": KINECT_V1_MIRROR},
}
"""The unit of depth is not documented: each clip's own range. One person of 20 joints."""

_PATTERNS = {"rgb": "*_rgb.jpg", "depth": "*_depth.png", "skeleton": "*_skeletons.txt"}
_PUBLISHED = Published(title="NW-UCLA", recordings=1475, modalities=tuple(_PATTERNS), by="camera", groups="123")
EXAMPLE = "view_1/a01_s01_e00/frame_1_tc_0_rgb.jpg"
_CLIP = re.compile(r"a(\d+)_s(\d+)_e(\d+)")


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find the clips below `root`; each is cut to the frames that all of its recordings have.

    What is missing of the published 1,475 recordings is logged as a warning.

    Returns:
        Rows by view, action, subject and take, named `v<view>_<folder>`, and one sentence for each clip that cannot be
        used.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds NW-UCLA's view_1, view_2 and view_3")
    rows: list[ClipRow] = []
    problems: list[str] = []
    found = walk(root.resolve(), problems, _CLIP.fullmatch)
    for folder in sorted(found, key=lambda path: natural_key(str(path))):
        match, view = _CLIP.fullmatch(folder.name), folder.parent.name.removeprefix("view_")
        if match is None or view == folder.parent.name:
            continue
        action, subject = int(match[1]), int(match[2])
        if action not in _ACTIONS or view not in ("1", "2", "3"):
            problems.append(f"{folder} has action {action} and view {view}: NW-UCLA has {sorted(_ACTIONS)} and 1, 2, 3")
            continue
        try:
            files = common_frames({name: Cell(folder, pattern=pattern) for name, pattern in _PATTERNS.items()})
        except (ValueError, OSError) as error:
            problems.append(why_left_out(error))
            continue
        name = f"v{view}_{folder.name}"
        label = _ACTIONS[action]
        rows.append(ClipRow(sample=name, label=label, subject=str(subject), camera=view, setup="1", files=files))
    _PUBLISHED.warn(rows)
    return rows, problems

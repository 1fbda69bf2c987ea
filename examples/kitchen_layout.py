"""A layout for an invented data set: five persons, two cameras, an armband.

P01/cam2/open_fridge_03_color.avi      colour
P01/cam2/open_fridge_03_depth/*.png    depth, 16 bits, millimetres
P01/cam2/open_fridge_03_imu.npy        acceleration of the armband at 100 Hz, [time, 3]
"""

import re
from pathlib import Path

from actionmae.data.cell import Cell
from actionmae.data.layouts.completeness import Published
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow

CLASSES = ("open fridge", "pour water", "stir")

PROTOCOLS = {
    "cross-subject": SplitProtocol(field="subject", train=frozenset({"1", "2", "3"})),
    "cross-view": SplitProtocol(field="camera", train=frozenset({"1"}), test=frozenset({"2"})),
}

SPECS = {"inertial": {"name": "inertial", "shape": (3, 50), "fps": 100.0}}  # half a second of three axes per token

PUBLISHED = Published(
    title="Kitchen", recordings=300, modalities=("rgb", "depth", "inertial"), by="subject", groups="12345"
)
NAME = re.compile(r"P(\d+)/cam(\d)/(([a-z_]+)_(\d+))_(color\.avi|depth|imu\.npy)")
MODALITY = {"color.avi": "rgb", "depth": "depth", "imu.npy": "inertial"}


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find the recordings below `root`: one row a clip, and one sentence for each thing that cannot be used."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds P01, P02, …")
    rows: dict[str, ClipRow] = {}
    problems = []
    for path in sorted(root.glob("P*/cam*/*")):
        match = NAME.fullmatch(path.relative_to(root).as_posix())
        if match is None:
            continue
        person, camera, clip, action, _, ending = match.groups()
        label, sample = action.replace("_", " "), f"P{person}_cam{camera}_{clip}"
        if label not in CLASSES:
            problems.append(f"{path} shows {label!r}, none of {', '.join(CLASSES)}: correct its name")
            continue
        row = ClipRow(sample=sample, label=label, subject=str(int(person)), camera=camera, files={})
        rows.setdefault(sample, row).files[MODALITY[ending]] = Cell(path)
    found = list(rows.values())
    PUBLISHED.warn(found)
    return found, problems

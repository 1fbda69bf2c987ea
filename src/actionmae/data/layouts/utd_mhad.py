"""UTD-MHAD (Chen, Jafari, Kehtarnavaz, ICIP 2015): 27 actions, 8 subjects, 861 recordings.

A Kinect v1 and one inertial sensor. Files `a<action>_s<subject>_t<trial>_<modality>` with color.avi, depth.mat,
skeleton.mat, inertial.mat, in any sub-folders. The sensor is on the right wrist
(actions 1–21) or the right thigh (22–27).
"""

from __future__ import annotations

import re
from pathlib import Path

from actionmae.data.cell import Cell
from actionmae.data.folders import walk
from actionmae.data.layouts.completeness import Published
from actionmae.data.layouts.protocol import SplitProtocol
from actionmae.data.manifest import ClipRow
from actionmae.data.natural_order import natural_key

CLASSES = (
    "swipe left",
    "swipe right",
    "wave",
    "clap",
    "throw",
    "arm cross",
    "basketball shoot",
    "draw x",
    "draw circle (clockwise)",
    "draw circle (counter clockwise)",
    "draw triangle",
    "bowling",
    "boxing",
    "baseball swing",
    "tennis swing",
    "arm curl",
    "tennis serve",
    "push",
    "knock",
    "catch",
    "pickup and throw",
    "jog",
    "walk",
    "sit to stand",
    "stand to sit",
    "lunge",
    "squat",
)
"""Class names; action a is CLASSES[a − 1]."""

PROTOCOLS = {"cross-subject": SplitProtocol(field="subject", train=frozenset({"1", "3", "5", "7"}))}
"""The official protocol: train on the odd subjects, test on the even ones."""

SPECS = {
    "depth": {"name": "depth", "value_range": (1800.0, 3500.0)},
    "skeleton": {"name": "skeleton", "shape": (1, 20, 3), "fps": 30.0, "mirror": None},
    "inertial": {"name": "inertial", "shape": (6, 24), "fps": 50.0},
}
"""Persons stand 2–3.4 m away. One person of 20 joints, never mirrored: left and right change the label of a swipe.
Acceleration on three axes, then angular rate; the 24 samples of a token are half a second."""

_COLUMNS = {"color.avi": "rgb", "depth.mat": "depth", "skeleton.mat": "skeleton", "inertial.mat": "inertial"}
_PUBLISHED = Published(
    title="UTD-MHAD", recordings=861, modalities=tuple(_COLUMNS.values()), by="subject", groups="12345678"
)
EXAMPLE = "a1_s1_t1_depth.mat"
_NAME = re.compile(r"(a(\d+)_s(\d+)_t(\d+))_(color\.avi|depth\.mat|skeleton\.mat|inertial\.mat)")


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find the recordings below `root`, whichever of their modalities are there.

    What is missing of the published 861 recordings is logged as a warning.

    Returns:
        Rows in natural order of their names, and one sentence for each file that cannot be used.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds the UTD-MHAD recordings")
    files: dict[str, dict[str, Path]] = {}
    problems: list[str] = []
    for path in sorted(walk(root, problems)):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        sample, action, column = match[1], int(match[2]), _COLUMNS[match[5]]
        if not 1 <= action <= len(CLASSES):
            problems.append(f"{path} has action {action}, none of 1–{len(CLASSES)}: rename or remove the file")
        elif column in files.setdefault(sample, {}):
            problems.append(f"{path} is also at {files[sample][column]}: keep one of them")
        else:
            files[sample][column] = path
    rows = [_row(sample, files[sample]) for sample in sorted(files, key=natural_key)]
    _PUBLISHED.warn(rows)
    return rows, problems


def _row(sample: str, files: dict[str, Path]) -> ClipRow:
    action, subject = (int(number) for number in re.findall(r"\d+", sample)[:2])
    ordered = {column: Cell(files[column]) for column in _COLUMNS.values() if column in files}
    return ClipRow(sample=sample, label=CLASSES[action - 1], subject=str(subject), camera="1", setup="1", files=ordered)

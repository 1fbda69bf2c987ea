"""Rows from the files of NTU RGB+D, wherever below a folder its archives were unpacked. No torch.

Raw files: `<sample>_rgb.avi`, `<sample>_ir.avi`, `<sample>.skeleton`, folders `<sample>/MDepth-%08d.png` (masked depth)
or `<sample>/Depth-%08d.png` (full), and extracted frames `<sample>_rgb/*.jpg`, `<sample>_ir/*.png`.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from actionmae.data.cell import Cell
from actionmae.data.folders import walk, why_left_out
from actionmae.data.layouts.completeness import Published
from actionmae.data.layouts.ntu_names import CLASSES, PATTERN, SampleName, parse_name
from actionmae.data.manifest import ClipRow
from actionmae.data.reading.frame_files import IMAGES
from actionmae.data.utf8 import read_utf8

logger = logging.getLogger(__name__)

_MODALITIES = ("rgb", "depth", "ir", "skeleton")
_MISSING_LISTS = "samples_with_missing_skeletons.txt"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies below a folder.

    Attributes:
        rows: In the order of the names; of the modalities rgb, depth, ir, skeleton those that were found.
        problems: One sentence for each thing that cannot be used.
        without_skeleton: Names on the official lists of missing skeletons.
    """

    rows: list[ClipRow]
    problems: list[str]
    without_skeleton: frozenset[str]


def find_samples(root: Path) -> Found:
    """Find every sample below `root`.

    The original video is preferred to extracted frames, masked depth to full depth. A skeleton that is on one of the
    official lists (`*samples_with_missing_skeletons.txt`, anywhere below the root) is left out: its cell stays empty.

    Args:
        root: Folder that holds the unpacked archives.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds the unpacked NTU RGB+D archives")
    found: dict[SampleName, dict[str, tuple[int, Path]]] = {}
    problems: list[str] = []
    listed: set[str] = set()
    for path in walk(root, problems, PATTERN.match):  # millions of images are in folders of the samples' names
        if path.name.endswith(_MISSING_LISTS):
            listed |= {line.strip() for line in read_utf8(path).splitlines()}
            continue
        try:
            entry = _recognise(path)
        except (ValueError, OSError) as error:
            problems.append(why_left_out(error))
            continue
        if entry is None:
            continue
        name, modality, rank = entry
        files = found.setdefault(name, {})
        old = files.get(modality)
        if old is not None and old[0] == rank:
            problems.append(f"{name} has two files for {modality}, {old[1]} and {path}: the first is used")
        if old is None or rank < old[0]:
            files[modality] = (rank, path)
    for name, files in found.items():
        if str(name) in listed and "skeleton" in files:
            del files["skeleton"]
            logger.info("%s: skeleton left out, as the list of missing skeletons says", name)
    rows = [_row(name, files) for name, files in sorted(found.items()) if files]
    return Found(rows=rows, problems=problems, without_skeleton=frozenset(listed))


def find_published(
    root: Path, *, title: str, setups: int, actions: int, recordings: int
) -> tuple[list[ClipRow], list[str]]:
    """The samples of a published data set among those below `root`; what is missing is logged as a warning.

    Args:
        root: See `find_samples`.
        title: Its name.
        setups: Number of its setups, which count from 1.
        actions: Number of its actions, which count from 1.
        recordings: The published number.

    Returns:
        Rows, and one sentence for each thing that cannot be used.
    """
    found = find_samples(root)
    kept = [row for row in found.rows if int(row.setup) <= setups and CLASSES.index(row.label) < actions]
    if len(kept) < len(found.rows):
        logger.info("%d samples below %s are none of %s: left out", len(found.rows) - len(kept), root, title)
    groups = tuple(map(str, range(1, setups + 1)))
    published = Published(title=title, recordings=recordings, modalities=_MODALITIES, by="setup", groups=groups)
    published.warn(kept, known={"skeleton": found.without_skeleton})
    return kept, found.problems


def _row(name: SampleName, files: dict[str, tuple[int, Path]]) -> ClipRow:
    return ClipRow(
        sample=str(name),
        label=name.label,
        subject=str(name.subject),
        camera=str(name.camera),
        setup=str(name.setup),
        files={modality: Cell(files[modality][1]) for modality in _MODALITIES if modality in files},
    )


def _recognise(path: Path) -> tuple[SampleName, str, int] | None:
    """Sample, modality and rank (lower is preferred) of a path, or None if it is not NTU's.

    Raises:
        ValueError: If it has a sample's name but cannot be used.
    """
    match = PATTERN.match(path.name)
    if match is None:
        return None
    rest = path.name[match.end() :].lower()
    if rest in {"_rgb.avi", "_rgb.mp4", "_ir.avi", "_ir.mp4"}:
        return parse_name(match[0]), rest[1:-4], 0
    if rest == ".skeleton":
        return parse_name(match[0]), "skeleton", 0
    if not path.is_dir() or rest not in {"", "_rgb", "_ir"}:
        return None
    first = next((entry.name for entry in os.scandir(path) if entry.name.lower().endswith(IMAGES)), None)
    if first is None:
        raise ValueError(f"folder {path} holds no png or jpg images: unpack its archive again")
    if rest:
        return parse_name(match[0]), rest[1:], 1
    if first.startswith("MDepth-"):
        return parse_name(match[0]), "depth", 0
    if first.startswith("Depth-"):
        return parse_name(match[0]), "depth", 1
    raise ValueError(f"folder {path} holds images like {first}: NTU RGB+D's depth is MDepth-*.png or Depth-*.png")

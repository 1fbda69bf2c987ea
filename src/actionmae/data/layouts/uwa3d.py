"""UWA3D Multiview Activity II (Rahmani et al., PAMI 2016): 30 actions, 10 subjects, 4 views; RGB, depth, skeleton.

| stream | place |
| --- | --- |
| RGB | `UWA3DII_RGB/UWA3D-RGB/<clip>/001,.jpg` (the comma is real) |
| depth | `UWA3DII_Depth_ROI/UWA3D-Depth/<clip>/001.png`, whole frames in `…/WholeFrames/<clip>` |
| skeleton | `ActionsSkeleton/<clip>.mat`, one array of 15 joints × 3 per frame |

`<clip>` is a<action>_s<subject>_v<view>_e<take>, or with take and view exchanged; depth's `…e00` may belong to RGB's
`…e01`. The skeletons' form is what the reader `tools/uwa_skels_to_h5.py` of DMNN (Hernandez Ruiz et al., ACM MM 2017)
takes; skeletons converted to `<clip>.npy` [T, 15, 3], anywhere below the root, are found, too.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from actionmae.core.modality import Mirror
from actionmae.data.layouts.completeness import missing_recordings
from actionmae.data.layouts.pairing import common_frames
from actionmae.data.layouts.protocol import Protocol
from actionmae.data.manifest import ClipRow

logger = logging.getLogger(__name__)

CLASSES = (
    "one hand waving", "one hand punching", "two hand waving", "two hand punching", "sitting down", "standing up",
    "vibrating", "falling down", "holding chest", "holding head", "holding back", "walking", "irregular walking",
    "lying down", "turning around", "drinking", "phone answering", "bending", "jumping jack", "running", "picking up",
    "putting down", "kicking", "jumping", "dancing", "moping floor", "sneezing", "sitting down (chair)", "squatting",
    "coughing",
)  # fmt: skip
"""Class names, spelt as in the data set; action a is CLASSES[a − 1]."""


def _views(train: str, test: str) -> Protocol:
    return Protocol(field="camera", train=frozenset(train), test=frozenset(test))


PROTOCOLS = {"paper": _views("34", "12")} | {
    f"{first}{second}-{test}": _views(first + second, test)
    for first, second in itertools.combinations("1234", 2)
    for test in "1234"
    if test not in (first, second)
}
"""§4.2: train on views 3, 4 and test on 1, 2. The usual 12: "12-3" trains on views 1 and 2 and tests on 3."""

SPECS = {
    "skeleton": {
        "name": "skeleton",
        "shape": (1, 15, 3),
        "mirror": Mirror(permutation=(0, 1, 2, 6, 7, 8, 3, 4, 5, 12, 13, 14, 9, 10, 11), negate=(0,)),
    }
}
"""One person of OpenNI's joints: head, neck, torso; left shoulder, elbow, hand, then right; hips, knees, feet."""

_RECORDINGS = 1070  # of the 1,075 that were recorded; `_ALONE` are the other five
_NAME = re.compile(r"a(\d+)_s(\d+)_(?:v(\d+)_e(\d+)|e(\d+)_v(\d+))")


class _Take(NamedTuple):
    """What a recording's name says."""

    action: int
    subject: int
    view: int
    take: int

    def __str__(self) -> str:
        return f"a{self.action:02d}_s{self.subject:02d}_v{self.view:02d}_e{self.take:02d}"


_ALONE = frozenset(
    {_Take(21, 2, 4, 1), _Take(6, 6, 4, 1), _Take(2, 6, 3, 1), _Take(7, 2, 2, 1), _Take(16, 6, 2, 1)}
)  # known to exist in one stream only


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find the clips below `root`, pair RGB, depth and skeleton, and cut RGB and depth to the frames that both have.

    What is missing of the published 1,070 recordings is logged as a warning.

    Returns:
        Rows named like RGB's folders, in natural order, and one sentence for each recording that cannot be used.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds UWA3DII_RGB and UWA3DII_Depth_ROI")
    clips, problems = _find(root)
    rows = []
    for key in sorted(clips):
        for take, cells in _pair(clips[key]):
            try:
                rows.append(_row(_Take(*key, take), cells))
            except ValueError as error:
                problems.append(str(error))
    if rows:
        modalities = ("rgb", "depth", "skeleton")
        for lack in missing_recordings(
            "UWA3D Multiview II", rows, published=_RECORDINGS, modalities=modalities, by="camera", groups="1234"
        ):
            logger.warning("%s", lack)
    return rows, problems


_Streams = dict[str, dict[int, Path]]  # modality → take → folder or file


def _find(root: Path) -> tuple[dict[tuple[int, int, int], _Streams], list[str]]:
    """Recordings by (action, subject, view)."""
    clips: dict[tuple[int, int, int], _Streams] = defaultdict(lambda: {"rgb": {}, "depth": {}, "skeleton": {}})
    problems = []
    for path in sorted(root.rglob("a*_s*_*_*"), key=_preference):
        match, stream = _NAME.fullmatch(path.name if path.is_dir() else path.stem), _stream(root, path)
        if match is None or not stream:
            continue
        action, subject, *rest = (int(number) for number in match.groups() if number is not None)
        name = _Take(action, subject, *(rest if match[3] else reversed(rest)))
        if name in _ALONE:
            problems.append(f"{path} is left out: it is known to exist in one stream only")
        elif not 1 <= action <= len(CLASSES):
            problems.append(f"{path} is left out: UWA3D Multiview II has actions 1 to {len(CLASSES)}")
        elif path.is_dir() and not any(path.iterdir()):
            problems.append(f"{path} is left out: it is empty, unpack its archive again")
        else:
            clips[name[:3]][stream].setdefault(name.take, path)
    return clips, problems


def _preference(path: Path) -> tuple[bool, bool, str]:
    """Regions of interest (as in the paper) come before whole frames."""
    place = str(path).lower()
    return "whole" in place, "roi" not in place, place


def _stream(root: Path, path: Path) -> str:
    """The modality: of a file skeleton, of a folder what its nearest parent that says so holds; or nothing known."""
    parents = (parent.name.lower() for parent in (root.name / path.relative_to(root)).parents)
    told = (word for parent in parents for word in ("rgb", "depth", "skel") if word in parent)
    word = next(told, "")
    if path.is_dir():
        return word if word != "skel" else ""
    return "skeleton" if path.suffix in (".mat", ".npy") and word in ("skel", "") else ""


def _pair(streams: _Streams) -> Iterator[tuple[int, dict[str, Path]]]:
    """Takes of one action, subject and view: the k-th of RGB with the k-th of another, or by number."""
    takes = sorted(next(found for found in streams.values() if found))
    clips: dict[int, dict[str, Path]] = defaultdict(dict)
    for name, found in streams.items():
        alike = takes if len(found) == len(takes) else sorted(found)
        for take, own in zip(alike, sorted(found), strict=True):
            clips[take][name] = found[own]
    yield from sorted(clips.items())


def _row(name: _Take, cells: dict[str, Path]) -> ClipRow:
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

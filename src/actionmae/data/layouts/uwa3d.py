"""UWA3D Multiview Activity II (Rahmani et al., PAMI 2016): 30 actions, 10 subjects, 4 views; RGB and depth.

RGB `UWA3DII_RGB/UWA3D-RGB/<clip>/001,.jpg` (the comma is real), depth `UWA3DII_Depth_ROI/UWA3D-Depth/<clip>/001.png` or
`UWA3D-Depth/WholeFrames/<clip>/…`; `<clip>` is a<action>_s<subject>_v<view>_e<take>, and depth's `…e00` may belong to
RGB's `…e01`. Its skeletons (15 joints) are not read: no reliable description of their form is public.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections import defaultdict
from pathlib import Path

from actionmae.data.layouts.completeness import missing_recordings
from actionmae.data.layouts.pairing import common_frames
from actionmae.data.layouts.protocol import Protocol
from actionmae.data.manifest import ClipRow, natural_key

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

_RECORDINGS = 1070
_NAME = re.compile(r"a(\d+)_s(\d+)_v(\d+)_e(\d+)")
_ALONE = frozenset(
    {"a21_s02_v04_e01", "a06_s06_v04_e01", "a02_s06_v03_e01", "a07_s02_v02_e01", "a16_s06_v02_e01"}
)  # known to exist in one stream only


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find the clips below `root`, pair RGB with depth, and cut each pair to the frames that both have.

    What is missing of the published 1,070 recordings is logged as a warning.

    Returns:
        Rows named like RGB's folders, in natural order, and one sentence for each folder that cannot be used.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds UWA3DII_RGB and UWA3DII_Depth_ROI")
    rows, problems = [], []
    clips, unusable = _find(root)
    problems += unusable
    for streams in (clips[key] for key in sorted(clips)):
        for cells in _pair(streams):
            try:
                rows.append(_row(common_frames(cells)))
            except ValueError as error:
                problems.append(str(error))
    rows.sort(key=lambda row: natural_key(row.sample))
    if rows:
        for lack in missing_recordings(
            "UWA3D Multiview II", rows, published=_RECORDINGS, modalities=("rgb", "depth"), by="camera", groups="1234"
        ):
            logger.warning("%s", lack)
    return rows, problems


_Streams = dict[str, dict[str, Path]]  # modality → folder name → folder


def _find(root: Path) -> tuple[dict[tuple[int, ...], _Streams], list[str]]:
    """Folders by (action, subject, view)."""
    clips: dict[tuple[int, ...], _Streams] = defaultdict(lambda: {"rgb": {}, "depth": {}})
    problems = []
    # Regions of interest (as in the paper) come before whole frames.
    for folder in sorted(root.rglob("a*_s*_v*_e*"), key=lambda path: ("whole" in str(path).lower(), str(path))):
        match, stream = _NAME.fullmatch(folder.name), _stream(folder)
        if match is None or not stream:
            continue
        key = tuple(int(number) for number in match.groups()[:3])
        if not 1 <= key[0] <= len(CLASSES) or folder.name in _ALONE or not any(folder.iterdir()):
            known = (
                "it is known to exist in one stream only" if folder.name in _ALONE else "no such action, or no files"
            )
            problems.append(f"{folder} is left out: {known}")
        elif folder.name not in clips[key][stream]:
            clips[key][stream][folder.name] = folder
    return clips, problems


def _stream(folder: Path) -> str:
    """What the nearest parent that says so holds: rgb, depth or nothing known."""
    told = (word for parent in folder.parents for word in ("rgb", "depth") if word in parent.name.lower())
    return next(told, "")


def _pair(streams: _Streams) -> list[dict[str, Path]]:
    """Takes of one action, subject and view: the k-th of RGB with the k-th of depth, or by name if counts differ."""
    rgb, depth = (dict(sorted(streams[name].items())) for name in ("rgb", "depth"))
    if len(rgb) == len(depth):
        return [{"rgb": one, "depth": other} for one, other in zip(rgb.values(), depth.values(), strict=True)]
    found = {name: {"rgb": rgb, "depth": depth} for name in sorted(rgb.keys() | depth.keys())}
    return [{kind: folders[name] for kind, folders in both.items() if name in folders} for name, both in found.items()]


def _row(cells: dict[str, Path]) -> ClipRow:
    sample = next(iter(cells.values())).name.partition("#")[0]
    action, subject, view, _ = (int(number) for number in re.findall(r"\d+", sample))
    label = CLASSES[action - 1]
    return ClipRow(sample=sample, label=label, subject=str(subject), camera=str(view), setup="1", files=cells)

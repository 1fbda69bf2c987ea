"""Files of UWA3D Multiview Activity II: which recordings belong to one take. No torch.

| recording | place |
| --- | --- |
| RGB | `UWA3DII_RGB/UWA3D-RGB/<clip>/001,.jpg` (the comma is real) |
| depth | `UWA3DII_Depth_ROI/UWA3D-Depth/<clip>/001.png`, whole frames in `…/WholeFrames/<clip>` |
| skeleton | `ActionsSkeleton/<clip>.mat`, one array of 15 joints × 3 per frame |

`<clip>` is a<action>_s<subject>_v<view>_e<take>, or with take and view exchanged; depth's `…e00` may belong to RGB's
`…e01`. The skeletons' form is what the reader `tools/uwa_skels_to_h5.py` of DMNN (Hernandez Ruiz et al., ACM MM 2017)
takes; skeletons converted to `<clip>.npy` [T, 15, 3] are found, too, anywhere below the root.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from actionmae.data.folders import walk, why_left_out

_NAME = re.compile(r"a(\d+)_s(\d+)_(?:v(\d+)_e(\d+)|e(\d+)_v(\d+))")


class TakeName(NamedTuple):
    """What a recording's name says."""

    action: int
    subject: int
    view: int
    take: int

    def __str__(self) -> str:
        return f"a{self.action:02d}_s{self.subject:02d}_v{self.view:02d}_e{self.take:02d}"


_ALONE = frozenset(
    {TakeName(21, 2, 4, 1), TakeName(6, 6, 4, 1), TakeName(2, 6, 3, 1), TakeName(7, 2, 2, 1), TakeName(16, 6, 2, 1)}
)  # known to exist in one modality only


def find_takes(root: Path, *, actions: int) -> tuple[dict[TakeName, dict[str, Path]], list[str]]:
    """Find all recordings below `root` and put those of one take together.

    Args:
        root: Folder that holds the unpacked archives.
        actions: Number of actions, which count from 1.

    Returns:
        By take, named as RGB's folders are: modality → folder or file (those of rgb, depth, skeleton that were found);
        and one sentence for each recording that cannot be used.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds UWA3DII_RGB and UWA3DII_Depth_ROI")
    clips, problems = _find(root, actions)
    return {TakeName(*key, take): cells for key in sorted(clips) for take, cells in _pair(clips[key])}, problems


_Takes = dict[str, dict[int, Path]]  # modality → take → folder or file


def _find(root: Path, actions: int) -> tuple[dict[tuple[int, int, int], _Takes], list[str]]:
    """Recordings by (action, subject, view)."""
    clips: dict[tuple[int, int, int], _Takes] = defaultdict(lambda: {"rgb": {}, "depth": {}, "skeleton": {}})
    problems: list[str] = []
    for path in sorted(walk(root, problems, _NAME.fullmatch), key=_preference):
        match = _NAME.fullmatch(path.stem)
        modality = _modality(root, path) if match is not None else ""
        if match is None or not modality:
            continue
        action, subject, *rest = (int(number) for number in match.groups() if number is not None)
        name = TakeName(action, subject, *(rest if match[3] else reversed(rest)))
        if name in _ALONE:
            problems.append(f"{path} is left out: it is known to exist in one modality only")
        elif not 1 <= action <= actions:
            problems.append(f"{path} is left out: UWA3D Multiview II has actions 1 to {actions}")
        elif reason := _why_unusable(path):
            problems.append(reason)
        else:
            clips[name[:3]][modality].setdefault(name.take, path)
    return clips, problems


def _why_unusable(path: Path) -> str:
    """Why a folder cannot be used, in words; empty = it can, or is a file."""
    try:
        empty = path.is_dir() and not any(path.iterdir())
    except OSError as error:
        return why_left_out(error)
    return f"{path} is left out: it is empty, unpack its archive again" if empty else ""


def _preference(path: Path) -> tuple[bool, bool, str]:
    """Regions of interest (as in the paper) are preferred to whole frames."""
    place = str(path).lower()
    return "whole" in place, "roi" not in place, place


def _modality(root: Path, path: Path) -> str:
    """The modality of a path: skeleton for a file, for a folder what the nearest telling name of a parent says."""
    parents = (parent.name.lower() for parent in (root.name / path.relative_to(root)).parents)
    told = (word for parent in parents for word in ("rgb", "depth", "skel") if word in parent)
    word = next(told, "")
    if path.is_dir():
        return word if word != "skel" else ""
    return "skeleton" if path.suffix in (".mat", ".npy") and word in ("skel", "") else ""


def _pair(recordings: _Takes) -> Iterator[tuple[int, dict[str, Path]]]:
    """Pair takes of one action, subject and view: the k-th of RGB with the k-th of another modality, or by number."""
    takes = sorted(next(found for found in recordings.values() if found))
    clips: dict[int, dict[str, Path]] = defaultdict(dict)
    for name, found in recordings.items():
        alike = takes if len(found) == len(takes) else sorted(found)
        for take, own in zip(alike, sorted(found), strict=True):
            clips[take][name] = found[own]
    yield from sorted(clips.items())

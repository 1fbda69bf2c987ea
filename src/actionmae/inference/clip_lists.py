"""Many clips: the rows of a manifest, or all files that fit patterns such as `rgb=videos/{clip}.avi`."""

import glob
import re
from collections.abc import Mapping
from pathlib import Path

from actionmae.data.cell import Cell
from actionmae.data.cell_text import TABLES, parse_cell
from actionmae.data.manifest import read_manifest
from actionmae.data.natural_order import natural_key

CLIP = "{clip}"
Clips = list[tuple[str, dict[str, Cell]]]
"""Name, and recordings by modality."""


def manifest_clips(path: Path, modalities: tuple[str, ...]) -> Clips:
    """The clips of a manifest, in its order, with the recordings that the model reads.

    Files are not looked for: what does not exist is found clip by clip.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no manifest, or has none of the modalities.
    """
    read = read_manifest(path, check_files=False)
    if not set(read.modalities) & set(modalities):
        raise ValueError(
            f"manifest {path} has {', '.join(read.modalities)} but the model reads {', '.join(modalities)}: they need "
            "a modality in common"
        )
    return [(row.sample, {name: cell for name, cell in row.files.items() if name in modalities}) for row in read.rows]


def pattern_clips(patterns: Mapping[str, str]) -> Clips:
    """The clips whose recordings fit, in natural order; a clip may lack some of its recordings.

    Args:
        patterns: By modality, a path (or cell of a manifest) in which {clip} stands for the clip's name.

    Raises:
        ValueError: If a pattern lacks {clip}, or nothing fits.
    """
    found: dict[str, dict[str, Cell]] = {}
    for modality, pattern in patterns.items():
        if CLIP not in pattern:
            raise ValueError(f"{modality}={pattern} has no {CLIP}: write it in every path, or in none")
        for name in _names(pattern):
            cell = parse_cell(pattern.replace(CLIP, name))
            if cell.path not in cell.missing:
                found.setdefault(name, {})[modality] = cell
    if not found:
        raise ValueError(
            f"nothing fits {' '.join(f'{name}={each}' for name, each in patterns.items())}: check the path"
        )
    return sorted(found.items(), key=lambda clip: natural_key(clip[0]))


def _names(pattern: str) -> set[str]:
    """What {clip} may stand for: the path up to the end of the last part that has it is looked up on disk."""
    head, _, tail = Path(pattern).as_posix().rpartition(CLIP)
    tail = re.split("[/#@]", tail)[0]
    table = tail.rpartition("[")[0]
    tail = table if table.lower().endswith(TABLES) else tail
    pieces = [*head.split(CLIP), tail]
    root = Path(Path(head).anchor or ".")
    found = root.glob("*".join(glob.escape(piece) for piece in pieces).removeprefix(root.anchor))
    first, *rest = map(re.escape, pieces)
    shape = re.compile(f"{first}(?P<clip>[^/]+)" + "(?P=clip)".join(rest))
    return {match["clip"] for path in found if (match := shape.fullmatch(path.as_posix()))}

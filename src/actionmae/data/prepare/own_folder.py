"""One's own recordings in folders `<label>/<clip>/<modality>.*`: no layout module needed. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from actionmae.core.choices import did_you_mean
from actionmae.core.modality import registered
from actionmae.data.cell import Cell, Clock
from actionmae.data.folders import why_left_out
from actionmae.data.manifest import SPLITS, ClipRow
from actionmae.data.natural_order import natural_key

_NOTES = (".txt", ".csv", ".json", ".xml", ".yaml", ".yml", ".md", ".log", ".ini", ".db")


def index_folder(root: Path, names: Collection[str]) -> tuple[list[ClipRow], list[str]]:
    """Find the clips `<label>/<clip>/`, or `<split>/<label>/<clip>/` where all folders of `root` are named like splits.

    In a clip's folder each file `<modality>.<anything>` or folder `<modality>/`, in upper or lower case, is one
    recording. Notes and hidden files are ignored; any other name that is no modality is reported. `<modality>.txt` or
    `<modality>.csv` beside a recording of that name is its clock, alone it is the recording.

    Args:
        root: The folder.
        names: Modalities to look for.

    Returns:
        Rows in natural order, whose samples are named `<label>_<clip>`, and one sentence for each thing that cannot be
        used.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds <label>/<clip>/<modality>.*")
    problems: list[str] = []
    tops = _folders(root, problems)
    splits = bool(tops) and all(top.name in SPLITS for top in tops)
    parts = [("", top) for top in tops]
    if splits:
        parts = [(top.name, label) for top in tops for label in _folders(top, problems)]
    rows, clips = [], []
    taken: set[str] = set()
    for split, label in parts:
        for clip in _folders(label, problems):
            sample = f"{label.name}_{clip.name}" if not splits else f"{split}_{label.name}_{clip.name}"
            try:
                files, doubled = _recordings(clip, names)
            except OSError as error:
                problems.append(why_left_out(error))
                continue
            problems += doubled
            if sample in taken:
                problems.append(f"{clip} would be named {sample} like another clip: rename the folder")
            elif not files:
                problems.append(f"{clip} holds no recording of {', '.join(names)}: name the files like modalities")
            else:
                taken.add(sample)
                clips.append(clip)
                rows.append(ClipRow(sample=sample, label=label.name, split=split, files=files))
    return rows, [*problems, *_strangers(clips, {*names, *registered()})]


def _strangers(clips: Sequence[Path], names: Collection[str]) -> Iterator[str]:
    """One sentence for each name that looks like a recording's but is no modality."""
    found: dict[str, list[Path]] = defaultdict(list)
    for clip in clips:
        for path in sorted(clip.iterdir()):
            name = path.stem.lower()
            if name not in names and path.suffix.lower() not in _NOTES and not path.name.startswith("."):
                found[name].append(path)
    for name, paths in found.items():
        yield (
            f"{name} is no modality{did_you_mean(name, names)}, and {paths[0]} "
            f"({len(paths)} of this name) is left out: rename it, or define the modality"
        )


def _folders(root: Path, problems: list[str]) -> list[Path]:
    """In natural order, without hidden ones; none where they cannot be read."""
    try:
        folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError as error:
        problems.append(why_left_out(error))
        return []
    return sorted(folders, key=lambda path: natural_key(path.name))


def _recordings(clip: Path, names: Collection[str]) -> tuple[dict[str, Cell], list[str]]:
    """A clip's files by modality, in the order of `names`."""
    found: dict[str, list[Path]] = {name: [] for name in names}
    clocks: dict[str, Path] = {}
    for path in sorted(clip.iterdir()):
        name = path.stem.lower()
        if name in found and path.suffix.lower() in (".txt", ".csv"):
            clocks[name] = path
        elif name in found:
            found[name].append(path)
    for name in list(clocks):
        if not found[name]:  # a table is a recording, too, as of a sensor's signal
            found[name].append(clocks.pop(name))
    problems = [
        f"{clip} has several recordings named {name} ({', '.join(path.name for path in paths)}): keep one"
        for name, paths in found.items()
        if len(paths) > 1
    ]
    files = {name: paths[0] for name, paths in found.items() if len(paths) == 1}
    return {
        name: Cell(path, clock=Clock(log=clocks[name]) if name in clocks else None) for name, path in files.items()
    }, problems

"""Raw recordings → manifest and small video files with random access; resumable, in parallel, in shards. No torch.

Nothing is dropped in silence: each problem is a row of `problems.csv`, and a clip keeps the modalities that are whole.
"""

from __future__ import annotations

import csv
import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actionmae.core.modality import ModalitySpec, registered, resolve
from actionmae.data.journal import Journal, require_settings
from actionmae.data.layouts import LAYOUTS, load_layout
from actionmae.data.manifest import ClipRow, atomic, read_manifest, write_manifest
from actionmae.data.natural_order import natural_key
from actionmae.data.own_folder import index_folder
from actionmae.data.prepare_clip import Clip, Problem, prepare_clip
from actionmae.data.processes import run_in_processes
from actionmae.data.transcode import Crop

logger = logging.getLogger(__name__)

OWN_LAYOUTS = ("folder", "manifest")
"""Layouts of one's own recordings: `<label>/<clip>/<modality>.*`, and a manifest."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrepareReport:
    """What `prepare` found.

    Attributes:
        manifest: The CSV; a shard does not write it.
        num_clips: Its rows; of a shard, the clips that are whole.
        num_files: Files per modality that are whole.
        problems: What cannot be used; also in `problems.csv` beside the manifest.
        seconds: How long it took.
    """

    manifest: Path
    num_clips: int
    num_files: dict[str, int]
    problems: tuple[Problem, ...]
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Source:
    """What is to be prepared."""

    rows: list[ClipRow]
    unusable: list[str]
    classes: tuple[str, ...]
    specs: dict[str, ModalitySpec]


def prepare(
    layout: str,
    root: Path | str,
    out: Path | str,
    *,
    crop: Crop = "none",
    transcode: bool = True,
    short_side: int = 270,
    flow: bool = False,
    modalities: Sequence[str | Mapping[str, Any]] = (),
    workers: int = 1,
    shard: tuple[int, int] = (1, 1),
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Write `manifest.csv`, `classes.txt`, `problems.csv` and one small video per image recording into `out`.

    Colour and infrared become MJPEG, depth lossless 16-bit PNG, all in `<modality>/<sample>.avi`; what is in that form
    already, and all that is no image, stays where it is. Every file is read. A second call, also after a kill, does
    only what is missing. The classes are those of the layout, in its order, that occur.

    Args:
        layout: Name of the data set's layout, for example utd_mhad; "folder" for one's own recordings in
            `<label>/<clip>/<modality>.*`; "manifest" for an existing manifest.
        root: Folder with the raw recordings, in any sub-folders, or the manifest.
        out: Folder to write into.
        crop: "person" cuts depth to a square box around everything that is not 0 (for recordings whose background is
            0, like UTD-MHAD); "none" leaves it whole.
        transcode: False = only index and check (first and last frames); the manifest names the raw files.
        short_side: Pixels to which the short side of colour is made smaller; 1.2 × 224 = 269 is what the shifted crop
            needs. Depth and infrared keep their size, nothing is enlarged.
        flow: Also derive the modality flow from rgb.
        modalities: Only these; names, or mappings that define or change a modality; empty = all that there are.
        workers: Processes.
        shard: (i, n) does the i-th of n parts of the clips, i in 1…n; when all are done, the call without `shard`
            writes the manifest.
        progress: Called with (clips done, clips in all).

    Raises:
        FileNotFoundError: If `root` does not exist.
        ValueError: If the layout is unknown, nothing is found, no clip is whole, an argument is out of range, or `out`
            was prepared with other settings.
        ChildProcessError: If a worker process died.
    """
    _check(crop, short_side, workers, shard)
    started, out = time.monotonic(), Path(out)
    source = _find(layout, Path(root), modalities)
    settings = {"layout": layout, "crop": crop, "transcode": transcode, "short_side": short_side}
    require_settings(out / "prepare.json", settings)
    rows = source.rows[shard[0] - 1 :: shard[1]]
    jobs = {
        row.sample: Clip(
            row=row, specs=source.specs, out=out, crop=crop, transcode=transcode, short_side=short_side, flow=flow
        )
        for row in rows
    }
    problems = [Problem(sample="", modality="", reason=reason) for reason in source.unusable]
    done = _run(jobs, Journal(out / "progress", shard), workers, progress, problems)
    whole = [dataclasses.replace(row, files=done[row.sample]) for row in rows if done[row.sample]]
    if not whole:
        raise ValueError(f"none of the {len(rows)} clips below {root} can be read: {problems[0].reason}")
    if shard[1] == 1:
        labels = {row.label for row in whole}  # NTU RGB+D 60 is the first half of 120: a model of it has 60 outputs
        write_manifest(out / "manifest.csv", whole, [name for name in source.classes if name in labels])
        _write_problems(out / "problems.csv", problems)
    names = dict.fromkeys(name for row in whole for name in row.files)
    return PrepareReport(
        manifest=out / "manifest.csv",
        num_clips=len(whole),
        num_files={name: sum(name in row.files for row in whole) for name in names},
        problems=tuple(problems),
        seconds=time.monotonic() - started,
    )


def _check(crop: str, short_side: int, workers: int, shard: tuple[int, int]) -> None:
    if workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1")
    if crop not in ("none", "person"):
        raise ValueError(f"crop is {crop!r}: choose none or person")
    if short_side < 16:
        raise ValueError(f"short_side is {short_side}: give at least 16 pixels")
    if not 1 <= shard[0] <= shard[1]:
        raise ValueError(f"shard is {shard[0]}/{shard[1]}: give i/n with i in 1…n, as in 3/16")


def _find(layout: str, root: Path, modalities: Sequence[str | Mapping[str, Any]]) -> _Source:
    """Rows, classes and specs of a layout, or of one's own recordings."""
    given = {each["name"] if isinstance(each, Mapping) else each: each for each in modalities}
    changes: dict[str, Any] = {name: each for name, each in given.items() if isinstance(each, Mapping)}
    if layout == "folder":
        rows, unusable = index_folder(root, list(given) or registered())
        classes = tuple(sorted({row.label for row in rows}, key=natural_key))
    elif layout == "manifest":
        manifest = read_manifest(root, check_files=False)
        rows, unusable, classes = list(manifest.rows), [], manifest.classes
    elif layout not in LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}: known are {', '.join((*LAYOUTS, *OWN_LAYOUTS))}")
    else:
        known = load_layout(layout)
        rows, unusable = known.index(root)
        classes, changes = known.classes, {**known.specs, **changes}
    if not rows:
        raise ValueError(f"no recordings of layout {layout} below {root}: check the folder and the file names")
    rows = _select(rows, list(given))
    names = dict.fromkeys(name for row in rows for name in row.files)
    specs = {name: resolve(changes.get(name, name)) for name in (*names, "rgb", "flow")}
    return _Source(rows=rows, unusable=unusable, classes=classes, specs=specs)


def _select(rows: list[ClipRow], names: list[str]) -> list[ClipRow]:
    if not names:
        return rows
    found = dict.fromkeys(name for row in rows for name in row.files)
    for name in names:
        if name not in found:
            raise ValueError(f"no recording has modality {name!r}: found are {', '.join(found)}")
    kept = [
        dataclasses.replace(row, files={name: row.files[name] for name in names if name in row.files}) for row in rows
    ]
    return [row for row in kept if row.files]


def _run(
    jobs: dict[str, Clip],
    journal: Journal,
    workers: int,
    progress: Callable[[int, int], None] | None,
    problems: list[Problem],
) -> dict[str, dict[str, Path]]:
    """Files of every clip; those that the journal knows are not touched again."""
    files: dict[str, dict[str, Path]] = {}
    left = []
    for sample, job in jobs.items():
        before = journal.finished(sample)
        if before is not None and job.is_done(before):
            files[sample] = before
        else:
            left.append(job)
    if files and progress is not None:
        progress(len(files), len(jobs))
    for job, (row, found) in run_in_processes(prepare_clip, left, workers):
        files[job.row.sample] = row.files
        if not found:
            journal.add(row.sample, row.files)
        for problem in found:
            logger.warning("%s %s: %s", problem.sample, problem.modality, problem.reason)
        problems += found
        if progress is not None:
            progress(len(files), len(jobs))
    journal.close()
    return files


def _write_problems(path: Path, problems: list[Problem]) -> None:
    with atomic(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sample", "modality", "reason"])
        writer.writerows([problem.sample, problem.modality, problem.reason] for problem in problems)
    atomic(path).replace(path)

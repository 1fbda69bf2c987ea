"""Raw recordings → manifest: index once, open and check every file, list what is broken. No torch.

Nothing is dropped in silence: each problem is a row of `problems.csv`, and a clip keeps the modalities that are whole.
"""

from __future__ import annotations

import csv
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np

from actionmae.core.modality import ModalitySpec, resolve
from actionmae.data.layouts import Layout, load_layout
from actionmae.data.manifest import ClipRow, atomic, write_manifest
from actionmae.data.person_crop import crop_to_person
from actionmae.data.readers import open_stream
from actionmae.data.video import write_depth_video

logger = logging.getLogger(__name__)

Crop = Literal["none", "person"]
_DEFAULT_RATE = 30.0  # of depth files that do not say theirs (a `.mat`); only players care


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """A recording that cannot be used, and why.

    Attributes:
        sample: Name of the clip, or empty where even that is unknown.
        modality: Which of its modalities, or empty = the whole clip.
        reason: One sentence.
    """

    sample: str
    modality: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrepareReport:
    """What `prepare` found.

    Attributes:
        manifest: The CSV that was written.
        num_clips: Its rows.
        num_files: Files per modality that are whole.
        problems: What cannot be used; also in `problems.csv` beside the manifest.
        seconds: How long it took.
    """

    manifest: Path
    num_clips: int
    num_files: dict[str, int]
    problems: tuple[Problem, ...]
    seconds: float


def prepare(
    layout: str,
    root: Path | str,
    out: Path | str,
    *,
    crop: Crop = "none",
    modalities: Sequence[str] = (),
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Index the raw recordings below `root` and write `manifest.csv`, `classes.txt` and `problems.csv` into `out`.

    Every file is opened and its first and last frames are read (joints and signals whole). A second call keeps files
    that a first one has finished. The classes are those of the layout, in its order, that occur.

    Args:
        layout: Name of the data set's layout, for example utd_mhad.
        root: Folder with the raw recordings, in any sub-folders.
        out: Folder to write into; its cells point to the raw files where nothing had to be written.
        crop: "person" cuts depth to a square box around everything that is not 0 (for recordings whose background is
            0, like UTD-MHAD) and writes it as 16-bit video; "none" leaves the files as they are.
        modalities: Only these; empty = all that the layout knows.
        workers: Processes.
        progress: Called with (clips done, clips in all).

    Raises:
        FileNotFoundError: If `root` does not exist.
        ValueError: If the layout is unknown, nothing is found, no clip is whole, or an argument is out of range.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1")
    if crop not in ("none", "person"):
        raise ValueError(f"crop is {crop!r}: choose none or person")
    started, out, root = time.monotonic(), Path(out), Path(root)
    known = load_layout(layout)
    rows, unusable = known.index(root)
    if not rows:
        raise ValueError(f"no recordings of layout {layout} below {root}: check the folder and the file names")
    rows = _select(rows, modalities)
    problems = [Problem(sample="", modality="", reason=reason) for reason in unusable]
    jobs = [_Job(row=row, specs=_specs(known, row), out=out, crop=crop) for row in rows]
    whole: list[ClipRow] = []
    for done, (row, found) in enumerate(_run(jobs, workers), start=1):
        problems += found
        if row.files:
            whole.append(row)
        if progress is not None:
            progress(done, len(jobs))
    for problem in problems:
        logger.warning("%s %s: %s", problem.sample, problem.modality, problem.reason)
    if not whole:
        raise ValueError(f"none of the {len(rows)} clips below {root} can be read: {problems[0].reason}")
    # NTU RGB+D 60 is the first half of 120: a classifier of it has 60 outputs.
    labels = {row.label for row in whole}
    write_manifest(out / "manifest.csv", whole, [name for name in known.classes if name in labels])
    _write_problems(out / "problems.csv", problems)
    names = dict.fromkeys(name for row in whole for name in row.files)
    return PrepareReport(
        manifest=out / "manifest.csv",
        num_clips=len(whole),
        num_files={name: sum(name in row.files for row in whole) for name in names},
        problems=tuple(problems),
        seconds=time.monotonic() - started,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Job:
    """One clip's work, for another process."""

    row: ClipRow
    specs: dict[str, ModalitySpec]
    out: Path
    crop: Crop


def _select(rows: list[ClipRow], modalities: Sequence[str]) -> list[ClipRow]:
    if not modalities:
        return rows
    found = dict.fromkeys(name for row in rows for name in row.files)
    for name in modalities:
        if name not in found:
            raise ValueError(f"no recording has modality {name!r}: found are {', '.join(found)}")
    kept = [
        dataclasses.replace(row, files={name: row.files[name] for name in modalities if name in row.files})
        for row in rows
    ]
    return [row for row in kept if row.files]


def _specs(layout: Layout, row: ClipRow) -> dict[str, ModalitySpec]:
    return {name: resolve(layout.specs.get(name, name)) for name in row.files}


def _run(jobs: list[_Job], workers: int) -> Iterator[tuple[ClipRow, list[Problem]]]:
    """Results in the order of the jobs."""
    if workers == 1:
        yield from map(_prepare_clip, jobs)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_prepare_clip, jobs, chunksize=4)


def _prepare_clip(job: _Job) -> tuple[ClipRow, list[Problem]]:
    """Check one clip's files; the row that comes back names only those that are whole."""
    files, problems = {}, []
    for name, path in job.row.files.items():
        try:
            files[name] = _prepare_file(job, name, path)
        except (ValueError, OSError) as error:
            problems.append(Problem(sample=job.row.sample, modality=name, reason=str(error)))
    return dataclasses.replace(job.row, files=files), problems


def _prepare_file(job: _Job, name: str, path: Path) -> Path:
    """Check one file and, where asked for, write its prepared form; returns the file that the manifest shall name."""
    spec = job.specs[name]
    if job.crop == "person" and spec.value == "depth":
        target = job.out / name / f"{job.row.sample}.mkv"
        if not target.exists():  # written whole or not at all, so what exists is finished
            stream = open_stream(path, spec)
            frames = stream.read(np.arange(stream.num_frames))
            write_depth_video(target, crop_to_person(frames[..., 0]), stream.rate or _DEFAULT_RATE)
        path = target
    stream = open_stream(path, spec)
    stream.read([0, stream.num_frames - 1])
    return path


def _write_problems(path: Path, problems: list[Problem]) -> None:
    with atomic(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sample", "modality", "reason"])
        writer.writerows([problem.sample, problem.modality, problem.reason] for problem in problems)
    atomic(path).replace(path)

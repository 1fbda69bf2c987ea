"""Raw recordings → manifest and small video files with random access; resumable, in parallel, in shards. No torch.

Nothing is dropped silently: each problem is a row of `problems.csv`, and a clip keeps the modalities that are whole.
"""

from __future__ import annotations

import csv
import dataclasses
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from actionmae.core.files import atomic_write
from actionmae.core.modality import ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.manifest import ClipRow, require_own_names, write_manifest
from actionmae.data.modality_file import read_modalities, write_modalities
from actionmae.data.prepare.find import Crop, RawClips, find_clips
from actionmae.data.prepare.job import OUT_IS_FULL, Job, Problem, prepare_clip
from actionmae.data.prepare.journal import Journal
from actionmae.data.prepare.out_folder import Settings, keep_facts, refuse_foreign, require_meaning, require_settings
from actionmae.data.processes import run_in_processes

logger = logging.getLogger(__name__)


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
    """Write `manifest.csv`, `classes.txt`, `modalities.yaml`, `problems.csv` and small videos of all images into `out`.

    Colour and infrared become MJPEG, depth lossless 16-bit PNG, all in `<modality>/<sample>.avi`; what is in that form
    already, and all that is no image, stays where it is. Every image is read. A second call, also after a kill, does
    only what is missing or has changed; what was written into the manifest of a folder is kept. The classes are those
    of the layout, in its order, that occur.

    Args:
        layout: Name of the data set's layout, for example utd_mhad; "folder" for one's own recordings in
            `<label>/<clip>/<modality>.*`; "manifest" for an existing manifest.
        root: Folder with the raw recordings, in any sub-folders, or the manifest.
        out: Folder to write into.
        crop: "person" cuts each clip to one square box around its persons. Depth whose background is 0 is cut to what
            is not 0; if the data set has `.skeleton` texts, rgb, depth and ir are cut to the joints' pixels, and a
            recording for which that is impossible is a problem, not left whole. "none" leaves images whole.
        transcode: False = only index and check (first and last frames); the manifest names the raw files.
        short_side: Pixels to which the short side of colour is made smaller; 1.2 × 224 = 269 is what the shifted crop
            needs. Depth and infrared keep their size, nothing is enlarged.
        flow: Also derive the modality flow from rgb.
        modalities: Only these; names, or mappings that change or define a modality, which `modalities.yaml` remembers;
            empty = all that there are.
        workers: Processes.
        shard: (i, n) does the i-th of n parts of the clips, i in 1…n; when all are done, the call without `shard`
            writes the manifest.
        progress: Called with (clips done, clips in all).

    Returns:
        What was found.

    Raises:
        FileNotFoundError: If `root` does not exist.
        ValueError: If the layout is unknown, nothing is found, there is nothing to crop by, no clip is whole, an
            argument is out of range, or `out` holds files of others, was prepared with other settings, is full, or busy
            with another run.
        ChildProcessError: If a worker process died or cannot be started.
    """
    _check(crop, short_side, workers, shard)
    started, out, root = time.monotonic(), Path(out), Path(root)
    remembered = read_modalities(out)
    raw = find_clips(layout, root, modalities, crop, remembered)
    _check_names(raw.rows, root, out)
    refuse_foreign(out, root, raw.specs)
    settings = Settings(
        layout=layout, root=str(root.resolve()), crop=raw.crop, transcode=transcode, short_side=short_side
    )
    if transcode:
        require_meaning(out, remembered, raw.specs)
    with _room_in(out):
        require_settings(out, settings)
        rows = raw.rows[shard[0] - 1 :: shard[1]]
        if layout == "folder":
            rows = keep_facts(rows, out)
        jobs = [
            Job(
                row=row,
                specs=raw.specs,
                root=root.parent if root.is_file() else root,
                out=out,
                crop=raw.crop_sources.get(row.sample),
                transcode=transcode,
                short_side=short_side,
                flow=flow,
            )
            for row in rows
        ]
        problems = [Problem(sample=sample, modality="", reason=reason) for sample, reason in raw.unusable]
        with Journal(out / "progress", shard) as journal:
            done = _run(jobs, journal, workers, progress, problems)
            if shard[1] == 1:
                _sweep(out, raw.specs)
        whole = [dataclasses.replace(row, files=done[row.sample]) for row in rows if done[row.sample]]
        if shard[1] == 1:
            if not whole:
                raise ValueError(f"none of the {len(rows)} clips below {root} can be read: {problems[0].reason}")
            _write_results(out, whole, raw, remembered, problems)
    return PrepareReport(
        manifest=out / "manifest.csv",
        num_clips=len(whole),
        num_files={name: sum(name in row.files for row in whole) for name in _modalities(whole)},
        problems=tuple(problems),
        seconds=time.monotonic() - started,
    )


def _modalities(rows: Sequence[ClipRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.files))


@contextmanager
def _room_in(out: Path) -> Iterator[None]:
    """Stop at once where nothing can be written: otherwise every further clip would be reported as broken."""
    try:
        yield
    except OSError as error:
        if error.errno not in (*OUT_IS_FULL, errno.EACCES):
            raise
        raise ValueError(
            f"nothing more can be written into {out} ({os.strerror(error.errno)}): make room, or choose another "
            "place, then give the command again; what is finished is kept"
        ) from error


def _check_names(rows: Sequence[ClipRow], root: Path, out: Path) -> None:
    """Every sample must name a file of its own, and one below `out`."""
    require_own_names(rows, str(root))
    for row in rows:
        if Path(row.sample).is_absolute() or ".." in Path(row.sample).parts:
            raise ValueError(
                f"sample {row.sample!r} would be written outside of {out}: name it without a leading / and .."
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


def _run(
    jobs: Sequence[Job],
    journal: Journal,
    workers: int,
    progress: Callable[[int, int], None] | None,
    problems: list[Problem],
) -> dict[str, dict[str, Cell]]:
    """The prepared files of every clip; finished clips are skipped."""
    files: dict[str, dict[str, Cell]] = {}
    left = []
    for each in jobs:
        before = journal.find(each.row.sample)
        job = each.compared_with(before.origins if before is not None else {})
        if before is not None and before.whole and job.is_done(before.files, before.moment):
            files[job.row.sample] = before.files
            if not before.origins:  # an earlier version's
                journal.add(job.row.sample, before.files, job.origins)
        else:
            left.append(job)
    if files and progress is not None:
        progress(len(files), len(jobs))
    with closing(run_in_processes(prepare_clip, left, workers)) as results:
        for job, (row, found) in results:
            files[job.row.sample] = row.files
            made = {name: origin for name, origin in job.origins.items() if name in row.files}
            journal.add(row.sample, row.files, {**job.noted, **made}, whole=not found)
            for problem in found:
                logger.warning("%s %s: %s", problem.sample, problem.modality, problem.reason)
            problems += found
            if progress is not None:
                progress(len(files), len(jobs))
    return files


def _sweep(out: Path, specs: Mapping[str, ModalitySpec]) -> None:
    """Remove the unfinished files that killed runs left behind."""
    for name in specs:
        for unfinished in (out / name).rglob("*.tmp"):
            unfinished.unlink()


def _write_results(
    out: Path, rows: list[ClipRow], raw: RawClips, remembered: Mapping[str, ModalitySpec], problems: list[Problem]
) -> None:
    labels = {row.label for row in rows}  # NTU RGB+D 60 is the first half of 120: a model of it has 60 outputs
    write_manifest(out / "manifest.csv", rows, [name for name in raw.classes if name in labels])
    write_modalities(out, {**remembered, **{name: raw.specs[name] for name in _modalities(rows)}}.values())
    with (
        atomic_write(out / "problems.csv") as unfinished,
        unfinished.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["sample", "modality", "reason"])
        writer.writerows([problem.sample, problem.modality, problem.reason] for problem in problems)

"""The preparation of one clip, in any process: check, transcode, derive. No torch."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Mapping
from pathlib import Path

from actionmae.core.modality import ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.manifest import ClipRow
from actionmae.data.prepare.crop_source import CropSource
from actionmae.data.prepare.origin import Origin, find_origin
from actionmae.data.prepare.transcode import is_current, is_ready, transcode, write_flow
from actionmae.data.reading.complaints import describe_complaints, ffmpeg_complaints
from actionmae.data.reading.image_folder import ImageFolder, describe_lost
from actionmae.data.reading.readers import ChosenFrames, FrameReader, frames_of, open_reader
from actionmae.data.reading.video import VideoReader

OUT_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors of writing that every further clip would meet, too."""


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
class Job:
    """One clip's work; the fields are those of `prepare`.

    Attributes:
        row: The raw recordings.
        specs: By modality, and of rgb and flow.
        root: The folder of the raw recordings.
        crop: None = nothing is cropped.
        origins: What the recordings are now, by modality.
        noted: Of what earlier calls have made their prepared forms, as far as that is known.
    """

    row: ClipRow
    specs: dict[str, ModalitySpec]
    root: Path
    out: Path
    crop: CropSource | None
    transcode: bool
    short_side: int
    flow: bool
    origins: Mapping[str, Origin] = dataclasses.field(default_factory=dict)
    noted: Mapping[str, Origin] = dataclasses.field(default_factory=dict)

    def compared_with(self, noted: Mapping[str, Origin]) -> Job:
        """The same work, with what the recordings are now and what is noted of them."""
        now = {name: find_origin(cell, self.sources(name), self.root) for name, cell in self.row.files.items()}
        if self.flow and "rgb" in now:
            now = {"flow": now["rgb"], **now}
        return dataclasses.replace(self, origins=now, noted=noted)

    def has_changed(self, name: str) -> bool:
        """Whether a modality's recording is another one than is noted, or other frames of it."""
        return name in self.noted and not self.noted[name].is_still(self.origins[name])

    def is_done(self, files: dict[str, Cell], moment: float) -> bool:
        """Whether these files, noted at that moment (seconds), are all that is wanted, and nothing has changed since.

        A prepared file must still exist; a recording that was left where it is must be the one that was checked then.
        """
        wanted = set(self.row.files) | ({"flow"} if self.flow and "rgb" in self.row.files else set())
        if not wanted <= files.keys() or any(map(self.has_changed, self.origins)):
            return False
        for name, cell in files.items():
            if cell.resolved().path == Cell(self.target(name)).resolved().path:
                if cell.missing:
                    return False
            elif name not in self.row.files or cell.resolved() != self.row.files[name].resolved():
                return False
        sources = [source for name in self.row.files for source in self.sources(name)]
        return all(source.stat().st_mtime <= moment for source in sources if source.exists())

    def sources(self, name: str) -> list[Path]:
        """What the prepared file of a modality is made from."""
        cell = self.row.files[name]
        sources = list(cell.sources)
        if self.crop is not None and self.crop.skeleton is not None and self.crop.crops(self.specs[name]):
            sources.append(self.crop.skeleton)
        return sources

    def target(self, name: str) -> Path:
        """The video that this clip's recording of a modality becomes; a sample "walk/3" is the 3 in a folder walk."""
        return self.out / name / f"{self.row.sample}.avi"


def prepare_clip(job: Job) -> tuple[ClipRow, list[Problem]]:
    """Prepare all recordings of a clip; the row that comes back names only those that are whole.

    Raises:
        OSError: If nothing more can be written (`OUT_IS_FULL`, or no permission).
    """
    files, problems = {}, []
    for name, cell in job.row.files.items():
        try:
            with ffmpeg_complaints() as complaints:
                files[name] = _prepare_file(job, name, cell)
        except (ValueError, OSError) as error:
            problems.append(_problem(job, name, error))
        else:
            problems += _lost(job, name, cell)
            if complaints:
                problems.append(_damaged(job, name, cell, complaints))
    if job.flow and "rgb" in files and "flow" not in files:
        try:
            files["flow"] = _derive_flow(job, files["rgb"])
        except (ValueError, OSError) as error:
            problems.append(_problem(job, "flow", error))
    return dataclasses.replace(job.row, files=files), problems


def _problem(job: Job, modality: str, error: Exception) -> Problem:
    """What is wrong with a recording; a full disk or a locked folder says nothing about it, and is raised again."""
    if isinstance(error, OSError) and error.errno in OUT_IS_FULL:
        raise error
    folder = job.target(modality).parent
    if isinstance(error, PermissionError) and folder.is_dir() and not os.access(folder, os.W_OK):
        raise error
    return Problem(sample=job.row.sample, modality=modality, reason=str(error))


def _lost(job: Job, modality: str, cell: Cell) -> list[Problem]:
    """Images that are missing in the middle of a folder; the others are used."""
    spec = job.specs[modality]
    lost = ImageFolder(cell, spec.value).lost if spec.kind == "frames" and cell.path.is_dir() else []
    reason = f"{cell} lacks {describe_lost(lost)}: copy it again; what is there was used"
    return [Problem(sample=job.row.sample, modality=modality, reason=reason)] if lost else []


def _damaged(job: Job, modality: str, cell: Cell, complaints: list[str]) -> Problem:
    """A video with frames altered or left out; what was made of it counts as old, so that the next call tries again."""
    target = job.target(modality)
    if target.exists():
        os.utime(target, (0, 0))
    reason = f"{cell} is damaged ({describe_complaints(complaints)}): copy it again; what can be read was used"
    return Problem(sample=job.row.sample, modality=modality, reason=reason)


def _prepare_file(job: Job, name: str, cell: Cell) -> Cell:
    """Check one recording and, where asked for, write its prepared form; returns the manifest's cell."""
    spec, target = job.specs[name], job.target(name)
    reader = open_reader(cell, spec)
    find_box = job.crop.find if job.crop is not None and job.crop.crops(spec) else None
    if spec.kind == "frames" and job.transcode and not find_box and is_ready(reader, spec, job.short_side):
        for _ in frames_of(reader):  # it stays where it is; only make sure that every frame can be read
            pass
        return cell
    if spec.kind == "frames" and (job.transcode or find_box):
        current = not job.has_changed(name) and is_current(target, job.sources(name))
        seconds = _seconds(job) if reader.fps is None and not current else None
        cell = transcode(
            cell, spec, target, short_side=job.short_side, find_box=find_box, current=current, seconds=seconds
        )
        reader = open_reader(cell, spec)
    _read_ends(reader)
    return cell


def _seconds(job: Job) -> float | None:
    """Duration of the clip's first readable video; None = it has none."""
    for name, cell in job.row.files.items():
        if job.specs[name].kind != "frames" or not cell.path.is_file():
            continue
        try:
            reader = open_reader(cell, job.specs[name])
        except (ValueError, OSError):  # reported when its own turn comes
            continue
        if isinstance(reader, VideoReader | ChosenFrames) and reader.fps:
            return reader.num_frames / reader.fps
    return None


def _read_ends(reader: FrameReader) -> None:
    reader.read([0, reader.num_frames - 1])


def _derive_flow(job: Job, color: Cell) -> Cell:
    target = job.target("flow")
    current = not job.has_changed("flow") and is_current(target, [color.path])
    flow = write_flow(color, job.specs["rgb"], target, current=current)
    _read_ends(open_reader(flow, job.specs["flow"]))
    return flow

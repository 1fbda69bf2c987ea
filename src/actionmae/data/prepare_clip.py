"""One clip's preparation, in whichever process: check, transcode, derive. No torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from actionmae.core.modality import ModalitySpec
from actionmae.data.clock import split_clock
from actionmae.data.manifest import ClipRow
from actionmae.data.readers import open_stream
from actionmae.data.transcode import Crop, is_ready, transcode, write_flow


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
class Clip:
    """One clip's work; the fields are those of `prepare`.

    Attributes:
        row: The raw recordings.
        specs: By modality, and of rgb and flow.
    """

    row: ClipRow
    specs: dict[str, ModalitySpec]
    out: Path
    crop: Crop
    transcode: bool
    short_side: int
    flow: bool

    def is_done(self, files: dict[str, Path]) -> bool:
        """Whether these files, noted earlier, are all that is wanted, and those that were written are still there."""
        wanted = set(self.row.files) | ({"flow"} if self.flow and "rgb" in self.row.files else set())
        return wanted <= files.keys() and all(
            split_clock(path)[0].exists() for path in files.values() if path.is_relative_to(self.out)
        )

    def target(self, name: str) -> Path:
        """The video that this clip's recording of a modality becomes."""
        return self.out / name / f"{self.row.sample.replace('/', '_')}.avi"


def prepare_clip(clip: Clip) -> tuple[ClipRow, list[Problem]]:
    """Prepare all recordings of a clip; the row that comes back names only those that are whole."""
    files, problems = {}, []
    for name, path in clip.row.files.items():
        try:
            files[name] = _prepare_file(clip, name, path)
        except (ValueError, OSError) as error:
            problems.append(Problem(sample=clip.row.sample, modality=name, reason=str(error)))
    if clip.flow and "rgb" in files and "flow" not in files:
        try:
            files["flow"] = _derive_flow(clip, files["rgb"])
        except (ValueError, OSError) as error:
            problems.append(Problem(sample=clip.row.sample, modality="flow", reason=str(error)))
    return dataclasses.replace(clip.row, files=files), problems


def _prepare_file(clip: Clip, name: str, path: Path) -> Path:
    """Check one recording and, where asked for, write its prepared form; returns the manifest's cell."""
    spec = clip.specs[name]
    cropped = clip.crop == "person" and spec.value == "depth"
    if spec.kind == "frames" and (cropped or clip.transcode):
        target = clip.target(name)
        if cropped or target.exists() or not is_ready(open_stream(path, spec), spec, clip.short_side):
            path = transcode(path, spec, target, short_side=clip.short_side, crop=clip.crop)
    stream = open_stream(path, spec)
    stream.read([0, stream.num_frames - 1])
    return path


def _derive_flow(clip: Clip, color: Path) -> Path:
    target = clip.target("flow")
    if not target.exists():
        write_flow(color, clip.specs["rgb"], target)
    open_stream(target, clip.specs["flow"])
    clock = color.name.rpartition("@")[2] if split_clock(color)[1] is not None else ""
    return target if not clock else _with_clock(color, clock, target)


def _with_clock(color: Path, clock: str, target: Path) -> Path:
    """Flow has the moments of its colour video; a text with times must lie beside it."""
    text = color.with_name(clock)
    if text.is_file():
        clock = f"{target.stem}.txt"
        target.with_name(clock).write_bytes(text.read_bytes())
    return target.with_name(f"{target.name}@{clock}")

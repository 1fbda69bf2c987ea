"""What the page shows: loaded models and clips, asked what they would say with sensors off or broken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.cell_text import TABLES
from actionmae.data.manifest import ClipRow, Manifest
from actionmae.data.reading.readers import FrameReader
from actionmae.inference.as_seen import seen_by
from actionmae.inference.contact_sheet import Picture, contact_sheet
from actionmae.inference.evaluate import read_table
from actionmae.inference.kept_frames import KeptFrames
from actionmae.inference.predictor import Predictor
from actionmae.inference.read_clip import open_recordings
from actionmae.inference.what_if import Switch, Trace, switched, trace

VIDEOS = (".avi", ".mp4", ".mkv", ".mov", ".webm")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One model on the page.

    Attributes:
        name: For people.
        predictor: The model.
        expected: Top-1 in percent on its test clips, by subset; empty = its table was not found.
    """

    name: str
    predictor: Predictor
    expected: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A clip with switched sensors.

    Attributes:
        picture: Its frames side by side.
        traces: What each model says; a sentence where it cannot say anything.
        broken: Recordings that were given but cannot be read, and why.
    """

    picture: Picture
    traces: tuple[Trace | str, ...]
    broken: Mapping[str, str]


def load_shown(folders: Sequence[Path], *, device: str = "cpu") -> list[Shown]:
    """Load model folders, and the robustness tables that evaluation left beside them.

    Raises:
        FileNotFoundError: If one is no model folder.
        ValueError: If one is damaged, none is given, or two give one modality different meanings.
    """
    if not folders:
        raise ValueError("no model is given: name at least one model folder")
    shown: list[Shown] = []
    for folder in folders:
        own = folder.resolve()
        name = own.parent.name if own.name == "model" else own.name
        names = [each.name for each in shown]
        name = f"{name} ({names.count(name) + 1})" if name in names else name
        shown.append(Shown(name=name, predictor=Predictor.load(folder, device=device), expected=_expected(own)))
    return shown


def _expected(folder: Path) -> dict[str, float]:
    for place in (folder.parent / "robustness.json", folder.parent / "evaluation" / "robustness.json"):
        if place.is_file():
            return {row.subset: row.top1 for row in read_table(place).rows if row.top1 is not None}
    return {}


def all_modalities(shown: Sequence[Shown]) -> dict[str, ModalitySpec]:
    """Of all models; the first model's word counts."""
    found: dict[str, ModalitySpec] = {}
    for each in shown:
        for spec in each.predictor.model.modalities:
            found.setdefault(spec.name, spec)
    return found


def usable_clips(manifest: Manifest, shown: Sequence[Shown]) -> dict[str, ClipRow]:
    """By name, those that have a recording of some model's modality; test clips first.

    Raises:
        ValueError: If there is none.
    """
    known = all_modalities(shown).keys()
    rows = sorted((row for row in manifest.rows if row.files.keys() & known), key=lambda row: row.split != "test")
    if not rows:
        raise ValueError(f"no clip of {manifest.path} has any of {', '.join(known)}: give a manifest of these sensors")
    return {row.sample: row for row in rows}


def suffixes(spec: ModalitySpec) -> tuple[str, ...]:
    """The files that may be uploaded for a modality."""
    arrays = (".npy", ".mat")
    if spec.kind == "frames":
        return VIDEOS + arrays
    return (*arrays, *TABLES, *((".skeleton",) if spec.kind == "joints" else ()))


def uploaded(paths: Mapping[str, Path], specs: Mapping[str, ModalitySpec]) -> dict[str, Cell]:
    """Uploads as recordings.

    Raises:
        ValueError: If nothing was uploaded, or a file's kind does not suit its modality.
    """
    if not paths:
        raise ValueError(f"nothing is chosen: choose a clip, or upload at least one of {', '.join(specs)}")
    for name, path in paths.items():
        allowed = suffixes(specs[name])
        if path.suffix.lower() not in allowed:
            raise ValueError(f"{path.name} cannot be taken as {name}: give a file that ends in {', '.join(allowed)}")
    return {name: Cell(path) for name, path in paths.items()}


def play(
    files: Mapping[str, Cell],
    shown: Sequence[Shown],
    switches: Mapping[str, Switch],
    *,
    title: str,
    window: float | None = None,
) -> Scene:
    """Ask every model about one clip.

    Args:
        files: Recordings by modality; those that no model knows are passed over.
        shown: The models.
        switches: By modality; others are on.
        title: Above the picture.
        window: Seconds of the past that an answer is about; None = all.

    Raises:
        FileNotFoundError: If a recording does not exist.
        ValueError: If no recording can be read, or a switch is wrong.
    """
    modalities = ModalitySet(list(all_modalities(shown).values()))
    sources = {name: cell for name, cell in files.items() if name in modalities}
    opened, broken = open_recordings("the clip", sources, modalities, all_exist=True)
    readers: dict[str, FrameReader] = {
        name: KeptFrames(each) if modalities[name].kind == "frames" else each for name, each in opened.items()
    }
    left = switched(readers, switches, {spec.name: spec for spec in modalities})
    missing = [name for name in modalities.names if name not in left]
    seen = seen_by(left, modalities, {name: str(files[name].path.name) for name in left}) if left else []
    return Scene(
        picture=_cropped(contact_sheet(title, seen, missing)),
        traces=tuple(_trace(each, readers, switches, window) for each in shown),
        broken=broken,
    )


def _cropped(picture: Picture) -> Picture:
    """Without the empty columns on the right: few frames are shown large."""
    used = np.flatnonzero((picture != 255).any(axis=(0, 2)))
    return picture[:, : used[-1] + 8]


def _trace(
    shown: Shown, readers: Mapping[str, FrameReader], switches: Mapping[str, Switch], window: float | None
) -> Trace | str:
    try:
        return trace(shown.predictor, readers, switches, window=window)
    except (ValueError, OSError) as error:
        return str(error)


def chances(traced: Trace, classes: Sequence[str], top: int = 4) -> dict[str, list[tuple[float, float]]]:
    """The classes that are most probable at any moment, each with its points (seconds, percent)."""
    peaks = np.max([moment.probabilities for moment in traced.moments], axis=0)
    best = np.argsort(-peaks, kind="stable")[:top].tolist()
    return {
        classes[index]: [(moment.time, 100 * float(moment.probabilities[index])) for moment in traced.moments]
        for index in best
    }

"""Finds the clips to prepare: those of a layout, of one's own folders, or of a manifest. No torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from actionmae.core.choices import did_you_mean
from actionmae.core.modality import ModalitySpec, modality_name, registered, resolve
from actionmae.data.layouts import LAYOUTS, load_layout
from actionmae.data.manifest import ClipRow, read_manifest, why_not_writable
from actionmae.data.natural_order import natural_key
from actionmae.data.prepare.crop_source import CropSource, has_skeletons, skeleton_of
from actionmae.data.prepare.own_folder import index_folder

OWN_LAYOUTS = ("folder", "manifest")
"""Layouts of one's own recordings: `<label>/<clip>/<modality>.*`, and a manifest."""

Crop = Literal["none", "person"]
Modalities = Sequence[str | Mapping[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RawClips:
    """What is to be prepared.

    Attributes:
        rows: The clips, with the wanted modalities.
        unusable: (sample or "", one sentence) for each thing that is left out.
        classes: All class names of the layout, in its order.
        specs: By modality, and of rgb, flow and skeleton.
        crop: How images are cropped: "none", "person" or "person, by joints".
        crop_sources: By sample; empty = nothing is cropped.
    """

    rows: list[ClipRow]
    unusable: list[tuple[str, str]]
    classes: tuple[str, ...]
    specs: dict[str, ModalitySpec]
    crop: str
    crop_sources: dict[str, CropSource]


def find_clips(
    layout: str, root: Path, modalities: Modalities, crop: Crop, remembered: Mapping[str, ModalitySpec]
) -> RawClips:
    """Find rows, classes and specs of a layout, or of one's own recordings, and what they are cropped by.

    Args:
        layout: As `prepare` takes it; also `root`, `modalities` and `crop`.
        root: The raw recordings.
        modalities: Only these; empty = all.
        crop: "none" or "person".
        remembered: Modalities as an earlier run prepared them, by name; what the layout or `modalities` say has
            precedence.

    Raises:
        FileNotFoundError: If `root` does not exist.
        ValueError: If the layout is unknown, there are no clips, no clip has a wanted modality, or nothing can be
            cropped.
    """
    given = {modality_name(each): each for each in modalities}
    names = [*given, "skeleton"] if given and crop == "person" else list(given)
    rows, unusable, classes, known = _index(layout, root, names or [*registered(), *remembered])
    if not rows:
        reason = unusable[0] if unusable else _how_they_look(layout)
        raise ValueError(f"no recordings of layout {layout} below {root}: {reason}")
    rows, unnamed = _nameable(rows)
    names = [name for row in rows for name in row.files]
    known = {**remembered, **known}
    specs = {name: resolve(given.get(name, name), known) for name in dict.fromkeys([*names, "rgb", "flow", "skeleton"])}
    by_joints = crop == "person" and has_skeletons(rows)  # of all rows: a selection or a shard must not change it
    sources = {
        row.sample: CropSource(by_joints=by_joints, skeleton=skeleton_of(row), spec=specs["skeleton"])
        for row in rows
        if crop == "person"
    }
    rows, without = _select(rows, list(given))
    if sources and not any(sources[row.sample].crops(specs[name]) for row in rows for name in row.files):
        raise ValueError(
            "crop is person, but nothing can be cropped: that needs depth whose background is 0, or .skeleton texts; "
            "give crop none"
        )
    return RawClips(
        rows=rows,
        unusable=[("", reason) for reason in unusable] + unnamed + without,
        classes=classes,
        specs=specs,
        crop="person, by joints" if by_joints else crop,
        crop_sources=sources,
    )


def _how_they_look(layout: str) -> str:
    example = "<label>/<clip>/<modality>.*" if layout == "folder" else load_layout(layout).example
    return f"a recording is named like {example}" if example else "check the folder and the file names"


_Found = tuple[list[ClipRow], list[str], tuple[str, ...], Mapping[str, ModalitySpec]]


def _index(layout: str, root: Path, names: Sequence[str]) -> _Found:
    """Rows, what cannot be used, classes, and modalities that differ from the registered ones."""
    if layout == "folder":
        rows, unusable = index_folder(root, names)
        return rows, unusable, tuple(sorted({row.label for row in rows}, key=natural_key)), {}
    if layout == "manifest":
        manifest = read_manifest(root, check_files=False)
        return list(manifest.rows), [], manifest.classes, manifest.specs
    if layout not in LAYOUTS and not layout.endswith(".py"):
        names = (*LAYOUTS, *OWN_LAYOUTS)
        raise ValueError(
            f"unknown layout {layout!r}{did_you_mean(layout, names)}: known are {', '.join(names)}, or give a Python "
            "file"
        )
    known = load_layout(layout)
    rows, unusable = known.index(root)
    return rows, unusable, known.classes, {name: resolve(spec) for name, spec in known.specs.items()}


def _nameable(rows: list[ClipRow]) -> tuple[list[ClipRow], list[tuple[str, str]]]:
    """The rows that a manifest can hold, and which clips it cannot."""
    kept, unnamed = [], []
    for row in rows:
        if reason := why_not_writable(row):
            unnamed.append((row.sample, f"{reason}; the clip is left out"))
        else:
            kept.append(row)
    return kept, unnamed


def _select(rows: list[ClipRow], names: list[str]) -> tuple[list[ClipRow], list[tuple[str, str]]]:
    """The rows with only these modalities, and which clips have none of them."""
    if not names:
        return rows, []
    found = dict.fromkeys(name for row in rows for name in row.files)
    for name in names:
        if name not in found:
            raise ValueError(f"no recording has modality {name!r}: found are {', '.join(found)}")
    kept, without = [], []
    for row in rows:
        files = {name: row.files[name] for name in names if name in row.files}
        if files:
            kept.append(dataclasses.replace(row, files=files))
        else:
            without.append((row.sample, f"the clip has no recording of {', '.join(names)}: it is left out"))
    return kept, without

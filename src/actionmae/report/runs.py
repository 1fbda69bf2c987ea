"""The verb report: folders with scores → one page, with sample frames from a manifest."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.json_files import read_json
from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.manifest import ClipRow, read_manifest
from actionmae.data.reading.readers import open_reader
from actionmae.evaluation.calibration import Reliability
from actionmae.evaluation.faults import FaultRow
from actionmae.evaluation.frame_loss_curve import FrameLossCurve
from actionmae.evaluation.scores import SubsetScores
from actionmae.evaluation.table import RobustnessTable
from actionmae.report.candidates import ReportRun
from actionmae.report.page import write_report

T = TypeVar("T")


def report_runs(
    runs: Sequence[str], out: Path, *, manifest: Path | None = None, title: str = "Robustness report", frames: int = 4
) -> list[Path]:
    """Write the report of folders that `train` or `evaluate` wrote.

    Args:
        runs: Folders, or name=folder; a name given to several folders makes them seeds of one candidate. What exists is
            a folder, though it may have an = in its name.
        out: The page; the same name with .md and .csv is written beside it.
        manifest: Where sample frames are taken from; None = none are shown.
        title: Heading.
        frames: How many clips to show.

    Returns:
        The files.

    Raises:
        FileNotFoundError: If a folder has no scores.
        ValueError: If names or models do not fit each other.
    """
    named = [_name(item) for item in runs]
    names = [name for name, _ in named]
    loaded = []
    for name, folder in named:
        group = name if names.count(name) > 1 else None
        loaded.append(load_run(folder, name=name if group is None else f"{name} ({folder})", group=group))
    samples = [] if manifest is None else sample_frames(manifest, loaded[0].scores.modalities, count=frames)
    write_report(out, loaded, title=title, samples=samples)
    return [out.with_suffix(suffix) for suffix in (".html", ".md", ".csv")]


def load_run(folder: Path, *, name: str, group: str | None = None) -> ReportRun:
    """Read scores.npz of one folder, and what else `train`, `evaluate` and `faults` wrote beside it.

    The table is counted anew; robustness.json only tells how good specialists are. All but the scores may be missing.
    Where a run folder has no scores, those are read that `evaluate` left in it; what `faults` left is read in any case.

    Raises:
        FileNotFoundError: If there are no scores.
        ValueError: If one of the files is damaged or was edited.
    """
    places = (folder, folder / "evaluation")
    home = next((place for place in places if (place / "scores.npz").is_file()), None)
    if home is None:
        raise FileNotFoundError(f"no scores at {folder}: run evaluate first, then give its folder or that of the run")
    scores = SubsetScores.load(home / "scores.npz")
    known = _read(home / "robustness.json", RobustnessTable)
    rows = [] if known is None else known.rows
    specialists = {row.subset: row.specialist for row in rows if row.specialist is not None}
    curves = home / "frame_loss.json"
    faults = next((place for place in places if (place / "faults.json").is_file()), home)
    return ReportRun(
        name=name,
        group=group,
        scores=scores,
        table=RobustnessTable.from_scores(scores, specialists),
        frame_loss=read_curves(curves) if curves.is_file() else [],
        faults=_read(faults / "faults.json", list[FaultRow], writer="faults") or [],
        reliability=_read(home / "calibration.json", list[Reliability]) or [],
        provenance=_read(home / "evaluation.json", dict[str, Any]) or {},
    )


def read_curves(path: Path) -> list[FrameLossCurve]:
    """Read frame_loss.json.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or was edited.
    """
    curves = read_json(path, list[dict[str, Any]], writer="evaluate")
    try:
        return [FrameLossCurve.from_dict(curve) for curve in curves]
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged or was edited ({error}): let `actionmae evaluate` write it again"
        ) from error


def sample_frames(manifest: Path, modalities: ModalitySet, *, count: int) -> list[tuple[str, bytes]]:
    """The middle frame of every image modality, for clips of different classes: (caption, PNG bytes)."""
    rows: dict[str, ClipRow] = {}
    for row in read_manifest(manifest).rows:
        if any(spec.name in row.files for spec in modalities if spec.kind == "frames"):
            rows.setdefault(row.label, row)
    out = []
    for row in list(rows.values())[:count]:
        for spec in modalities:
            if spec.kind == "frames" and spec.name in row.files:
                reader = open_reader(row.files[spec.name], spec)
                frame = reader.read([reader.num_frames // 2])[0]
                written, data = cv2.imencode(".png", _as_bgr(frame, spec))
                assert written
                out.append((f"{row.label} · {spec.name}", data.tobytes()))
    return out


def _as_bgr(frame: NDArray[Any], spec: ModalitySpec) -> NDArray[np.uint8]:
    """[h, w, c] as OpenCV writes it: depth in JET colours (no reading stays black), flow's first component as gray."""
    if spec.value == "color":
        return np.ascontiguousarray(frame[..., ::-1])
    if spec.value != "depth":
        return np.ascontiguousarray(frame[..., :1])
    depth = frame[..., 0].astype(np.float32)
    there = depth > 0
    near, far = spec.value_range or (float(depth[there].min(initial=0)), float(depth.max()))
    fraction = np.clip((depth - near) / max(far - near, 1.0), 0, 1)
    colors = cv2.applyColorMap((255 * fraction).astype(np.uint8), cv2.COLORMAP_JET)
    return np.where(there[..., None], colors, 0).astype(np.uint8)


def _name(item: str) -> tuple[str, Path]:
    name, equals, folder = item.partition("=")
    named = equals and not Path(item).exists()
    return (name, Path(folder)) if named else (Path(os.path.realpath(item)).name, Path(item))


def _read(path: Path, form: type[T] | GenericAlias, *, writer: str = "evaluate") -> T | None:
    return read_json(path, form, writer=writer) if path.is_file() else None

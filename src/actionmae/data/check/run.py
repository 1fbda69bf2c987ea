"""Finds what would spoil a training before it begins: every file of a manifest is read once. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actionmae.core.modality import ModalitySpec, modality_name, resolve
from actionmae.data.check.clip import ClipFacts, ClipFiles, read_clip
from actionmae.data.check.lengths import check_lengths
from actionmae.data.check.modalities import check_modalities
from actionmae.data.check.report import CheckReport, Finding
from actionmae.data.check.table import check_table
from actionmae.data.manifest import Manifest, read_manifest
from actionmae.data.processes import run_in_processes
from actionmae.data.reading.image_folder import describe_lost


def check_manifest(
    path: Path | str,
    *,
    modalities: Sequence[str | Mapping[str, Any]] = (),
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Read every file that a manifest names, and look at the table itself.

    Args:
        path: The CSV.
        modalities: Only these; names, or mappings that change or define a modality; empty = all columns.
        workers: Processes.
        progress: Called with (clips done, clips in all).

    Raises:
        FileNotFoundError: If the CSV does not exist.
        ValueError: If it is no manifest, or a modality is unknown.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1")
    manifest = read_manifest(path, check_files=False)
    specs = _specs(manifest, modalities)
    clips = [
        ClipFiles(sample=row.sample, files={name: row.files[name] for name in specs if name in row.files}, specs=specs)
        for row in manifest.rows
    ]
    findings = [*check_table(manifest), *check_modalities(specs, manifest)]
    lengths = {}
    for done, (_, facts) in enumerate(run_in_processes(read_clip, clips, workers), start=1):
        findings += _of_clip(facts)
        lengths[facts.sample] = facts.lengths
        if progress is not None:
            progress(done, len(clips))
    findings += check_lengths(lengths)
    findings.sort(key=lambda finding: (finding.level, finding.kind))
    return CheckReport(
        manifest=manifest.path,
        num_clips=len(manifest.rows),
        missing={name: sum(name not in row.files for row in manifest.rows) for name in specs},
        findings=tuple(findings),
    )


def _specs(manifest: Manifest, modalities: Sequence[str | Mapping[str, Any]]) -> dict[str, ModalitySpec]:
    manifest.require(map(modality_name, modalities))
    specs = [resolve(each, manifest.specs) for each in modalities or manifest.modalities]
    return {spec.name: spec for spec in specs}


def _of_clip(facts: ClipFacts) -> Iterator[Finding]:
    def finding(level: str, kind: str, text: str, modality: str = "") -> Finding:
        return Finding(level=level, kind=kind, sample=facts.sample, modality=modality, text=f"{facts.sample}{text}")

    for name, reason in facts.unreadable.items():
        yield finding("error", "unreadable", f" {name}: {reason}", name)
    for name, (flat, total) in facts.flat.items():
        level = "error" if flat == total else "warning"
        yield finding(level, "flat_frames", f" {name}: {flat} of {total} frames have one value everywhere", name)
    for name, lost in facts.lost.items():
        yield finding("warning", "lost_frames", f" {name}: the folder lacks {describe_lost(lost)}", name)
    for name, words in facts.damaged.items():
        yield finding("warning", "damaged", f" {name}: {words}: some frames are altered or left out", name)
    if facts.no_moment:
        yield finding("error", "clocks", f": {facts.no_moment}")
    if facts.clock_mismatch:
        yield finding("warning", "clocks", f": {facts.clock_mismatch}")

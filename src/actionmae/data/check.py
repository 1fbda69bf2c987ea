"""What would spoil a training, found before it: every file of a manifest is read once. No torch."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actionmae.core.modality import ModalitySpec, resolve
from actionmae.data.check_clip import ClipFacts, ClipFiles, read_clip
from actionmae.data.layouts import load_layout
from actionmae.data.manifest import Manifest, read_manifest
from actionmae.data.processes import run_in_processes

_SHOWN = 20
_LENGTHS_AGREE = 0.1
"""Durations of a clip's streams, or frame counts where a rate is unknown, may differ by this share."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong or strange.

    Attributes:
        level: "error" = training would fail or mislead; "warning" = look at it.
        kind: unreadable, no_recording, subject_in_both_splits, untrained_class, durations, flat_frames.
        sample: The clip, or empty.
        modality: Its modality, or empty.
        text: One sentence.
    """

    level: str
    kind: str
    sample: str
    modality: str
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What `check_manifest` found.

    Attributes:
        manifest: The CSV.
        num_clips: Its rows.
        missing: Clips without a file, by modality.
        findings: Errors first.
    """

    manifest: Path
    num_clips: int
    missing: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.level == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "manifest": str(self.manifest),
            "num_clips": self.num_clips,
            "missing": self.missing,
            "errors": self.errors,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
        }

    def to_text(self) -> str:
        """Counts, then the findings by kind, at most 20 of each."""
        lines = [f"{self.manifest}: {self.num_clips} clips"]
        for name, count in self.missing.items():
            lines.append(f"  {name}: missing in {count} clips ({100 * count / self.num_clips:.1f} %)")
        for (level, kind), count in Counter((each.level, each.kind) for each in self.findings).items():
            lines.append(f"{level}: {kind.replace('_', ' ')}, {count} times")
            texts = [each.text for each in self.findings if (each.level, each.kind) == (level, kind)]
            lines += [f"  {text}" for text in texts[:_SHOWN]]
            if count > _SHOWN:
                lines.append(f"  … and {count - _SHOWN} more")
        lines.append(f"{self.errors} errors, {len(self.findings) - self.errors} warnings")
        return "\n".join(lines)


def check_manifest(
    path: Path | str,
    *,
    layout: str = "",
    modalities: Sequence[str | Mapping[str, Any]] = (),
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Read every file that a manifest names, and look at the table itself.

    Args:
        path: The CSV.
        layout: Data set whose modalities differ from the registered ones.
        modalities: Only these; names, or mappings that define or change a modality; empty = all columns.
        workers: Processes.
        progress: Called with (clips done, clips in all).

    Raises:
        FileNotFoundError: If the CSV does not exist.
        ValueError: If it is no manifest, or a modality is unknown.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1")
    manifest = read_manifest(path, check_files=False)
    specs = _specs(manifest, layout, modalities)
    clips = [
        ClipFiles(sample=row.sample, files={name: row.files[name] for name in specs if name in row.files}, specs=specs)
        for row in manifest.rows
    ]
    findings = [*_empty_rows(manifest), *_shared_subjects(manifest), *_untrained_classes(manifest)]
    for done, (_, facts) in enumerate(run_in_processes(read_clip, clips, workers), start=1):
        findings += _of_clip(facts)
        if progress is not None:
            progress(done, len(clips))
    findings.sort(key=lambda finding: (finding.level, finding.kind))
    return CheckReport(
        manifest=manifest.path,
        num_clips=len(manifest.rows),
        missing={name: sum(name not in row.files for row in manifest.rows) for name in specs},
        findings=tuple(findings),
    )


def _specs(manifest: Manifest, layout: str, modalities: Sequence[str | Mapping[str, Any]]) -> dict[str, ModalitySpec]:
    given: dict[str, Any] = {each if isinstance(each, str) else each["name"]: each for each in modalities}
    manifest.require(given)
    changes: dict[str, Any] = dict(load_layout(layout).specs) if layout else {}
    changes |= {name: each for name, each in given.items() if not isinstance(each, str)}
    return {name: resolve(changes.get(name, name)) for name in given or manifest.modalities}


def _empty_rows(manifest: Manifest) -> Iterator[Finding]:
    for row in manifest.rows:
        if not row.files:
            yield Finding(
                level="error",
                kind="no_recording",
                sample=row.sample,
                modality="",
                text=f"{row.sample} has no file in any modality: fill a cell or remove the row",
            )


def _shared_subjects(manifest: Manifest) -> Iterator[Finding]:
    by_split = {part: {row.subject for row in manifest.rows if row.split == part} for part in ("train", "val", "test")}
    for subject in sorted((by_split["train"] & by_split["test"]) - {""}):
        yield Finding(
            level="warning",
            kind="subject_in_both_splits",
            sample="",
            modality="",
            text=f"subject {subject} is in train and test: the test then says nothing about people never seen",
        )


def _untrained_classes(manifest: Manifest) -> Iterator[Finding]:
    """Only where the split column divides the clips; protocols have their own rules."""
    trained = {row.label for row in manifest.rows if row.split == "train"}
    if not trained:
        return
    for name in manifest.classes:
        if name not in trained:
            yield Finding(
                level="error",
                kind="untrained_class",
                sample="",
                modality="",
                text=f"class {name} has no training clip: record some or take it out of classes.txt",
            )


def _of_clip(facts: ClipFacts) -> Iterator[Finding]:
    def finding(level: str, kind: str, modality: str, text: str) -> Finding:
        return Finding(level=level, kind=kind, sample=facts.sample, modality=modality, text=text)

    for name, reason in facts.unreadable.items():
        yield finding("error", "unreadable", name, f"{facts.sample} {name}: {reason}")
    for name, (flat, total) in facts.flat.items():
        if flat:
            level = "error" if flat == total else "warning"
            text = f"{facts.sample} {name}: {flat} of {total} frames have one value everywhere"
            yield finding(level, "flat_frames", name, text)
    if facts.misaligned:
        yield finding("error", "durations", "", f"{facts.sample}: {facts.misaligned}")
    yield from (finding("warning", "durations", "", text) for text in _lengths(facts))


def _lengths(facts: ClipFacts) -> Iterator[str]:
    """Streams without a clock are spread over the clip: right only if they last equally long."""
    for unit, values in (("seconds", facts.seconds), ("frames", facts.frames_without_rate)):
        if len(values) > 1 and min(values.values()) < (1 - _LENGTHS_AGREE) * max(values.values()):
            lasting = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            yield (
                f"{facts.sample}: its recordings differ in {unit} ({lasting}): if they do not cover the same moments, "
                "give them clocks (docs/reference/manifest.md)"
            )

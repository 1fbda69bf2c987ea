"""What a check found, as text and as JSON. No torch."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

_SHOWN = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong or strange.

    Attributes:
        level: "error" = training would fail or mislead; "warning" = look at it.
        kind: unreadable, damaged, no_recording, no_label, no_split, untrained_class, untrained_modality, flat_frames,
            lost_frames, clocks, durations, fps, subject_in_both_splits, similar_classes, repeated_recording, letters,
            encoder, mirror.
        sample: The clip, or empty.
        modality: Its modality, or empty.
        text: One sentence.
    """

    level: str
    kind: str
    sample: str = ""
    modality: str = ""
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
            "warnings": len(self.findings) - self.errors,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
        }

    def to_text(self) -> str:
        """Counts, then the findings by kind, at most 20 of each."""
        lines = [f"{self.manifest}: {self.num_clips} clips"]
        for name, count in self.missing.items():
            lines.append(f"  {name}: missing in {count} clips ({100 * count / self.num_clips:.1f} %)")
        for (level, kind), count in Counter((each.level, each.kind) for each in self.findings).items():
            lines.append(f"{level}: {kind.replace('_', ' ')}, {_times(count)}")
            texts = [each.text for each in self.findings if (each.level, each.kind) == (level, kind)]
            lines += [f"  {text}" for text in texts[:_SHOWN]]
            if count > _SHOWN:
                lines.append(f"  … and {count - _SHOWN} more (--json lists all)")
        lines.append(f"{_counted(self.errors, 'error')}, {_counted(len(self.findings) - self.errors, 'warning')}")
        return "\n".join(lines)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

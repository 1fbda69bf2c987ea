"""Whether the modalities of a manifest go together, and with its classes. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from actionmae.core.modality import ModalitySpec
from actionmae.data.check.report import Finding
from actionmae.data.manifest import Manifest
from actionmae.data.sided_classes import sided_classes

_OWN_ENCODERS = ("joints", "signal", "features")
"""Each reads the kind of its name; all others read frames, or are a user's own."""


def check_modalities(specs: Mapping[str, ModalitySpec], manifest: Manifest) -> Iterator[Finding]:
    """Findings that need no recording.

    Args:
        specs: By name.
        manifest: What the table says.
    """
    yield from _letters(specs)
    yield from _encoders(specs)
    yield from _mirrors(specs, manifest)


def _letters(specs: Mapping[str, ModalitySpec]) -> Iterator[Finding]:
    owners = defaultdict(list)
    for spec in specs.values():
        owners[spec.letter].append(spec.name)
    for letter, names in owners.items():
        if len(names) > 1:
            text = f"{' and '.join(names)} have one letter, {letter}: a model needs another for each of its modalities"
            yield Finding(level="error", kind="letters", modality=names[1], text=text)


def _encoders(specs: Mapping[str, ModalitySpec]) -> Iterator[Finding]:
    for name, spec in specs.items():
        if spec.encoder in _OWN_ENCODERS and spec.encoder != spec.kind:
            fits = "a timm network" if spec.kind == "frames" else spec.kind
            text = f"encoder {spec.encoder} cannot read {name} ({spec.kind}): use {fits}"
            yield Finding(level="error", kind="encoder", modality=name, text=text)
        elif spec.encoder not in _OWN_ENCODERS and spec.kind != "frames":
            text = (
                f"encoder {spec.encoder} of {name} ({spec.kind}) must be one of your own: the usual one is {spec.kind}"
            )
            yield Finding(level="warning", kind="encoder", modality=name, text=text)


def _mirrors(specs: Mapping[str, ModalitySpec], manifest: Manifest) -> Iterator[Finding]:
    """A clip is mirrored only if all its modalities can be."""
    sided, fixed = sided_classes(manifest.classes), {name for name, spec in specs.items() if spec.mirror is None}
    clips = sum(bool(row.files.keys() & specs.keys()) and not row.files.keys() & fixed for row in manifest.rows)
    if sided and clips:
        text = (
            f"a mirrored {sided[0]} is another action ({len(sided)} such classes), and {clips} clips can be mirrored: "
            "leave data.augment.flip at 0, or say mirror: null in modalities.yaml"
        )
        yield Finding(level="warning", kind="mirror", text=text)

"""A manifest of tiny .npy recordings that a network learns within seconds, with some cells empty."""

from pathlib import Path
from typing import Any

import numpy as np

from actionmae.data.manifest import write_manifest
from helpers.rows import clip_row

CLASSES = ("clap", "sit down", "wave")
MODALITIES: tuple[dict[str, Any], ...] = (
    {"name": "inertial", "shape": [6, 8], "num_frames": 4},
    {
        "name": "sound",
        "letter": "X",
        "kind": "features",
        "shape": [5],
        "num_frames": 3,
        "value": "raw",
        "encoder": "features",
    },
)
"""As `DataConfig.modalities` takes them."""


def write_recordings(folder: Path, *, missing: bool = False, classes: tuple[str, ...] = CLASSES) -> Path:
    """24 training clips of subjects 1 and 2, 9 test clips of subject 3; returns the manifest.

    Args:
        folder: Where; the recordings are beside the manifest.
        missing: Every third clip has no sound, every fourth of the others no inertial.
        classes: Class names.
    """
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(classes), 11))
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(33):
        label = at % len(classes)
        noise = rng.normal(size=(20, 11)) * 0.5
        streams = (centres[label] + noise).astype(np.float32)
        files = {}
        for name, part in (("inertial", streams[:, :6]), ("sound", streams[:, 6:])):
            lost = "sound" if at % 3 == 1 else "inertial" if at % 4 == 0 else ""
            if missing and name == lost:
                continue
            files[name] = folder / f"clip{at}_{name}.npy"
            np.save(files[name], part)
        split, subject = ("train", str(1 + at % 2)) if at < 24 else ("test", "3")
        rows.append(clip_row(sample=f"clip{at}", label=classes[label], subject=subject, split=split, files=files))
    write_manifest(folder / "manifest.csv", rows, classes)
    return folder / "manifest.csv"

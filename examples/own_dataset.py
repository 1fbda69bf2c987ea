"""Somebody's folder of recordings → a manifest → checked, and read as training reads it. No file is copied.

Run it: `.venv/bin/python examples/own_dataset.py FOLDER`, where FOLDER holds files like `anna_wave_01_rgb.mp4`; change
`NAME` and `CELLS` to your own grammar. A layout (`examples/kitchen_layout.py`) does the same for `actionmae prepare`.
"""

import re
import sys
from pathlib import Path

from actionmae.core.modality import ModalitySet
from actionmae.data.cell import Cell
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.loading.loader import ClipLoader
from actionmae.data.manifest import ClipRow, read_manifest, write_manifest

NAME = re.compile(r"([a-z]+)_([a-z]+)_(\d+)_(rgb\.(?:mp4|avi)|depth\.avi|imu\.npy)")
"""Who, what, which take, which sensor."""
CELLS = {"rgb": "rgb", "dep": "depth", "imu": "inertial"}
"""How the file's name begins its sensor, and the modality that it is."""
TEST_SUBJECTS = {"ben"}
"""People whom the model never sees in training."""


def find_clips(folder: Path) -> list[ClipRow]:
    """One row per take, with whatever was recorded of it."""
    rows: dict[str, ClipRow] = {}
    for path in sorted(folder.iterdir()):
        if (match := NAME.fullmatch(path.name)) is None:
            continue
        subject, label, take, sensor = match.groups()
        split = "test" if subject in TEST_SUBJECTS else "train"
        new = ClipRow(sample=f"{subject}_{label}_{take}", label=label, subject=subject, split=split)
        rows.setdefault(new.sample, new).files[CELLS[sensor[:3]]] = Cell(path)
    return list(rows.values())


def main() -> None:
    """Write the manifest, read it back, load one batch."""
    folder = Path(sys.argv[1])
    rows = find_clips(folder)
    write_manifest(folder / "manifest.csv", rows, sorted({row.label for row in rows}))
    manifest = read_manifest(folder / "manifest.csv")
    modalities = ModalitySet([{"name": name, "num_frames": 8} for name in manifest.modalities])
    training = [row for row in manifest.rows if row.split == "train"]
    dataset = ClipDataset(training, manifest.classes, modalities, train=True)
    (batch,) = ClipLoader(dataset, num_workers=0, batch_size=len(training))
    print(f"{len(manifest.rows)} clips of {', '.join(manifest.classes)}, {len(training)} of them for training")
    for name, have in zip(modalities.names, batch.available.sum(dim=0).tolist(), strict=True):
        print(f"{name}: {tuple(batch.clips[name].shape)} {batch.clips[name].dtype}, {have} clips have it")


if __name__ == "__main__":
    main()

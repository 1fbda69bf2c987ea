"""Six sensors made of two: UTD-MHAD's skeleton in four parts, its inertial sensor in acceleration and turn rate.

More sensors than most data sets have, each of which tells less: what methods for missing sensors are tried on in
docs/research.md. Depth is left out.

    python examples/six_sensors.py data/utd-person/manifest.csv --out data/utd-parts
"""

import argparse
from pathlib import Path

import numpy as np
import yaml

from actionmae.core.modality import ModalitySet
from actionmae.data.cell import Cell
from actionmae.data.manifest import ClipRow, Manifest, read_manifest, write_manifest
from actionmae.data.reading.readers import open_reader

PARTS = {
    "trunk": ("skeleton", slice(0, 4)),
    "left_arm": ("skeleton", slice(4, 8)),
    "right_arm": ("skeleton", slice(8, 12)),
    "legs": ("skeleton", slice(12, 20)),
    "acceleration": ("inertial", slice(0, 3)),
    "turn_rate": ("inertial", slice(3, 6)),
}
"""By name: of which recording, and which of its joints or channels."""
LETTERS = dict(zip(PARTS, "TLRGAW", strict=True))


def specs() -> list[dict[str, object]]:
    """The content of `modalities.yaml`."""
    listed: list[dict[str, object]] = []
    for name, (whole, part) in PARTS.items():
        size = part.stop - part.start
        entry: dict[str, object] = {"name": name, "letter": LETTERS[name], "mirror": None}
        if whole == "skeleton":
            entry |= {"kind": "joints", "shape": [1, size, 3], "value": "metres", "fps": 30.0, "encoder": "joints"}
        else:
            entry |= {"kind": "signal", "shape": [size, 24], "value": "raw", "fps": 50.0, "encoder": "signal"}
        listed.append(entry)
    return listed


def divide(row: ClipRow, wholes: ModalitySet, out: Path) -> ClipRow:
    """Write the parts of one clip."""
    files = {}
    for name, (whole, part) in PARTS.items():
        if whole not in row.files:
            continue
        reader = open_reader(row.files[whole], wholes[whole])
        frames = reader.read(np.arange(reader.num_frames))
        path = out / name / f"{row.sample}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, frames[..., part, :] if whole == "skeleton" else frames[..., part])
        files[name] = Cell(path)
    return ClipRow(sample=row.sample, label=row.label, subject=row.subject, split=row.split, files=files)


def main(manifest: Manifest, out: Path) -> None:
    """Divide every clip, and write the manifest."""
    wholes = ModalitySet(["skeleton", "inertial"], known=manifest.specs)
    rows = [divide(row, wholes, out) for row in manifest.rows]
    (out / "modalities.yaml").write_text(yaml.safe_dump(specs(), sort_keys=False))
    write_manifest(out / "manifest.csv", rows, manifest.classes)
    print(f"{out / 'manifest.csv'}: {len(rows)} clips of {len(PARTS)} sensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, help="of UTD-MHAD, as `actionmae prepare` writes it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the parts and their manifest")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    main(read_manifest(arguments.manifest), arguments.out)

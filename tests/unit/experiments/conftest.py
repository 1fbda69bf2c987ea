"""Three sensors that a tiny network tells apart, under other letters than the paper's."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from actionmae.data.manifest import write_manifest
from helpers.rows import clip_row

CLASSES = ("clap", "sit down", "wave")
SENSORS = {"left": "L", "top": "T", "under": "U"}
TINY = {
    "data": {"manifest": "manifest.csv", "batch_size": 12},
    "model": {"embed_dim": 16, "num_heads": 2, "mlp_dim": 16, "time_depth": 1, "fusion_depth": 1, "mae_depth": 1},
    "method": {"name": "action_mae", "drop_per": "sample"},
    "optim": {"lr": 0.01, "epochs": 2},
    "device": "cpu",
    "engine": {"threads": 1, "progress": False},
}


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 clips of subjects 1 and 2 to train on, 18 of subject 3 to test on."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(CLASSES), 5))
    rows = []
    for at in range(42):
        files = {name: folder / f"{at}_{name}.npy" for name in SENSORS}
        for path in files.values():
            np.save(path, (centres[at % 3] + rng.normal(size=(6, 5))).astype(np.float32))
        split, subject = ("train", str(1 + at % 2)) if at < 24 else ("test", "3")
        rows.append(clip_row(sample=f"clip{at}", label=CLASSES[at % 3], subject=subject, split=split, files=files))
    write_manifest(folder / "manifest.csv", rows, CLASSES)
    specs = [
        {"name": name, "letter": letter, "kind": "features", "shape": [5], "num_frames": 3, "value": "raw"}
        | {"encoder": "features"}
        for name, letter in SENSORS.items()
    ]
    (folder / "modalities.yaml").write_text(yaml.safe_dump(specs), encoding="utf-8")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY), encoding="utf-8")
    return folder / "manifest.csv"


@pytest.fixture
def words(manifest: Path) -> list[str]:
    """The arguments that all calls share."""
    scale = str(manifest.with_name("tiny.yaml"))
    return ["reproduce", "--manifest", str(manifest), "--scale", scale, "--map", "R=L,D=T,I=U"]

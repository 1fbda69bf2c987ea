"""A sensor that the library does not know: registered in one call, trained beside the armband, and then alone.

Run it: `.venv/bin/python examples/own_modality.py` (seconds). The recordings are invented: a radar and an armband
see the same gesture, of which the rhythm tells the class.
"""

import tempfile
from pathlib import Path

import numpy as np

import actionmae
from actionmae.core.modality import ModalitySpec, register
from actionmae.data.cell import Cell
from actionmae.data.manifest import ClipRow, write_manifest
from actionmae.methods.config import ActionMAEConfig
from actionmae.nn.config import ClassifierConfig
from actionmae.training.config import DataConfig, OptimConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.settings import TrainSettings

# A token sees 16 samples of 4 range bins; 100 samples a second, which .npy files do not say.
register(ModalitySpec(name="radar", letter="M", kind="signal", shape=(4, 16), value="raw", fps=100.0, encoder="signal"))

CLASSES = ("push", "swipe", "wave")
CLIPS, SECONDS = 48, 2


def record(folder: Path, at: int) -> ClipRow:
    """Invent one clip; every fifth has no radar."""
    rng = np.random.default_rng(at)
    label = at % len(CLASSES)
    files = {}
    for name, channels, fps in (("radar", 4, 100), ("inertial", 6, 50)):
        if name == "radar" and at % 5 == 4:
            continue
        seconds = np.arange(SECONDS * fps)[:, None] / fps
        wave = np.sin(2 * np.pi * (4, 10, 20)[label] * seconds + rng.uniform(0, 2 * np.pi, channels))
        path = folder / f"clip{at}_{name}.npy"
        np.save(path, (wave + 0.3 * rng.normal(size=wave.shape)).astype(np.float32))
        files[name] = Cell(path)
    split = "test" if at % 4 == 3 else "train"
    return ClipRow(sample=f"clip{at}", label=CLASSES[label], split=split, files=files)


def main() -> None:
    """Record, train, predict from the new sensor alone."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = [record(folder, at) for at in range(CLIPS)]
        write_manifest(folder / "manifest.csv", rows, CLASSES)
        settings = TrainSettings(
            data=DataConfig(
                manifest=folder / "manifest.csv", modalities=("radar", "inertial"), batch_size=12, cache=True
            ),
            model=ClassifierConfig(embed_dim=32, num_heads=2, mlp_dim=64, time_depth=1, fusion_depth=1, mae_depth=1),
            method=ActionMAEConfig(drop_per="sample", token_weight=1.0),
            optim=OptimConfig(lr=3e-3, epochs=8),
            device="cpu",
            engine=EngineConfig(progress=False, threads=1),
        )
        model = actionmae.train(folder / "run", settings)
        print((folder / "run/robustness.md").read_text(encoding="utf-8"))
        clip = rows[3]
        prediction = actionmae.Predictor.load(model).predict(radar=clip.files["radar"])
        print(f"radar alone: {prediction.label} {prediction.probabilities[0]:.0%} (it was {clip.label})")


if __name__ == "__main__":
    main()

"""Writes the golden files; run on purpose only: `PYTHONPATH=tests python -m golden.make`.

A model folder written by format version 1 must be readable for ever, so `model_v1` is never written again.
"""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actionmae.cli import VERBS
from actionmae.cli import main as main_of_cli
from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.nn import ClassifierConfig, MultiModalClassifier, build_classifier, save_model
from helpers.tiny_models import VECTORS

HERE = Path(__file__).parent
MODEL, CLIPS, STATISTICS = HERE / "model_v1", HERE / "model_v1_clips.npz", HERE / "statistics.json"
ARGUMENTS = HERE / "arguments.txt"
WIDTH: dict[str, Any] = {"embed_dim": 8, "num_heads": 2, "mlp_dim": 12}
CLASSES = ("sit down", "stand up", "wave")
MODALITIES: tuple[dict[str, Any], ...] = (
    {"name": "skeleton", "shape": [2, 5, 3], "num_frames": 3, "mirror": None},
    {"name": "inertial", "shape": [6, 8], "num_frames": 2},
    VECTORS[0],
)
"""Of the statistics: one of each vector encoder."""


def filled_by_rule(model: MultiModalClassifier) -> MultiModalClassifier:
    """Weights that are a formula of name order and place: the same in every version of torch."""
    with torch.no_grad():
        for at, (name, value) in enumerate(sorted(model.state_dict().items())):
            if value.is_floating_point():
                wave = torch.sin(torch.arange(value.numel(), dtype=torch.float64).square() * 0.7 + at)
                value.copy_(((0.6 * wave + 1.0) if "var" in name else 0.6 * wave).reshape(value.shape))
    return model.eval()


def clips_by_rule(modalities: ModalitySet, available: Tensor) -> ClipBatch:
    """Clips that are a formula of their place."""
    rows = len(available)
    clips = {}
    for spec in modalities:
        shape = (rows, spec.num_frames, *spec.shape)
        numbers = torch.arange(int(np.prod(shape)), dtype=torch.float64)
        clips[spec.name] = torch.cos(numbers * 1.3).float().reshape(shape)
    return ClipBatch(
        clips=clips,
        available=available,
        labels=torch.arange(rows) % len(CLASSES),
        sample_ids=[f"clip{row}" for row in range(rows)],
    ).validate(modalities)


def statistics(fusion: str, action_mae: bool) -> dict[str, Any]:
    """Parameter names and shapes of a tiny network, and mean, spread and last value of what it computes."""
    modalities = ModalitySet(MODALITIES)
    model = filled_by_rule(
        build_classifier(modalities, 3, fusion=fusion, action_mae=action_mae, config=ClassifierConfig(**WIDTH))
    )
    available = torch.tensor([[True, True, True], [True, False, False], [False, True, True]])
    with torch.no_grad():
        out = model(clips_by_rule(modalities, available))
    computed = {"tokens": out.tokens, "logits": out.logits, "reconstructed": out.reconstructed}
    return {
        "state": {name: list(value.shape) for name, value in model.state_dict().items()},
        **{
            name: [float(f"{number:.6g}") for number in (value.mean(), value.std(), value.flatten()[-1])]
            for name, value in computed.items()
            if value is not None
        },
    }


def arguments() -> str:
    """Every verb with its arguments as its help lists them, one a line."""
    lines = []
    for verb in VERBS:
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            main_of_cli([verb, "--help"])
        by_position = re.findall(r"^  (\w+) ", text.getvalue().partition("\noptions:")[0], re.MULTILINE)
        flags = re.findall(r"^  (--[\w.]+)", text.getvalue(), re.MULTILINE)
        lines += [f"{verb} {name}" for name in [*by_position, *sorted(flags)]]
    return "\n".join(lines) + "\n"


CASES = [(fusion, action_mae) for fusion in ("sum", "concat", "transformer") for action_mae in (False, True)]


def main() -> None:
    """Write everything; the model folder only if there is none."""
    found = {f"{fusion}{' + ActionMAE' * action_mae}": statistics(fusion, action_mae) for fusion, action_mae in CASES}
    STATISTICS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    ARGUMENTS.write_text(arguments(), encoding="utf-8")
    if not MODEL.exists():
        modalities = ModalitySet(VECTORS)
        model = filled_by_rule(
            build_classifier(modalities, classes=CLASSES, action_mae=True, config=ClassifierConfig(**WIDTH))
        )
        available = torch.tensor([[bool(row >> m & 1) for m in range(3)] for row in range(1, 8)])
        batch = clips_by_rule(modalities, available)
        with torch.no_grad():
            logits = model(batch).logits
        save_model(model, MODEL, provenance={"command": "python -m golden.make"})
        np.savez_compressed(
            CLIPS, available=available.numpy(), logits=logits.numpy(), **{k: v.numpy() for k, v in batch.clips.items()}
        )


if __name__ == "__main__":
    main()

"""8-bit convolutions for an export, and what they cost on every subset."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actionmae.core.tensors import ClipBatch
from actionmae.data.manifest import ClipRow
from actionmae.evaluation.table import RobustnessTable
from actionmae.inference.evaluate import write_scores
from actionmae.inference.export import write_config
from actionmae.inference.onnx_model import FRAME, ExportConfig, OnnxModel, StoredClips, read_export
from actionmae.inference.scoring import ClipScorer
from actionmae.inference.subset_scoring import score_subsets
from actionmae.nn.architectures import SavedModel

CALIBRATION_CLIPS = 64
"""At most so many training clips tell the range of every activation."""

_SUFFIX = ".int8.onnx"


def add_int8(folder: Path, model: SavedModel, train: Sequence[ClipRow], test: Sequence[ClipRow]) -> ExportConfig:
    """Add encoders with 8-bit convolutions to an export; both kinds are scored, and the card says the difference.

    Weights are quantised for each channel, activations by the range that they have on the training clips. The folders
    `evaluation/float` and `evaluation/int8` hold what `write_scores` writes of both, so that a report can compare them.

    Args:
        folder: What `export_model` wrote.
        model: What it was exported from.
        train: Clips to calibrate with.
        test: Clips to score.

    Returns:
        The export's new configuration.

    Raises:
        ValueError: If no encoder with a convolution has a training clip.
    """
    config = read_export(folder)
    step = max(1, len(train) // CALIBRATION_CLIPS)
    batches = list(ClipScorer(train[::step][:CALIBRATION_CLIPS], model, batch_size=8).stored_batches(model))
    files = {}
    for slot, name in enumerate(model.modalities.names):
        clips = [stored_rows(batch, slot, name) for batch in batches if bool(batch.available[:, slot].any())]
        if clips and _has_convolution(folder / config.graphs[name]):
            files[name] = name + _SUFFIX
            quantise(folder / config.graphs[name], folder / files[name], [each.inputs() for each in clips])
        frame = f"{name} {FRAME}"
        if name in files and frame in config.graphs:
            files[frame] = f"{name}.{FRAME}{_SUFFIX}"
            frames = [{"frame": each.clip[each.frame_available]} for each in clips]
            quantise(folder / config.graphs[frame], folder / files[frame], frames)
    if not files:
        raise ValueError("no encoder with a convolution has a training clip: 8 bits would change nothing")
    write_config(folder, replace(config, int8=files))
    before, after = (_score(folder, kind, model, test) for kind in ("float", "int8"))
    top1 = {row.subset: [row.top1, after[row.subset].top1] for row in before.rows if row.top1 is not None}
    config = replace(config, int8=files, int8_top1=json.loads(json.dumps(top1)))
    write_config(folder, config)
    card = folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + _section(config, len(test)), encoding="utf-8")
    return config


def stored_rows(batch: ClipBatch, slot: int, name: str) -> StoredClips:
    """The clips of a batch that have a modality, as its graph takes them."""
    rows = batch.available[:, slot]
    clip = batch.clips[name][rows]
    frames = batch.frame_available.get(name)
    persons = batch.person_available.get(name)
    return StoredClips(
        clip=clip.numpy(),
        frame_available=np.ones(clip.shape[:2], np.bool_) if frames is None else frames[rows].numpy(),
        person_available=None if persons is None else persons[rows].numpy(),
    )


class OnnxClassifier:
    """An export as evaluation scores it: a `SubsetClassifier` of stored clips."""

    def __init__(self, model: OnnxModel) -> None:
        self.modalities = model.modalities
        self._model = model

    def encode(self, batch: ClipBatch) -> Tensor:
        """Tokens [B, M, C] of what exists."""
        tokens = np.zeros((*batch.available.shape, self._model.config.token_width), dtype=np.float32)
        for slot, name in enumerate(self.modalities.names):
            rows = batch.available[:, slot].numpy()
            if rows.any():
                tokens[rows, slot] = self._model.encode(name, stored_rows(batch, slot, name))
        return torch.from_numpy(tokens)

    def reconstruct(self, tokens: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Left to the graph of the heads."""
        return tokens, visible

    def classify(self, tokens: Tensor, filled: Tensor) -> Tensor:
        """Logits [B, K]."""
        return torch.from_numpy(self._model.complete(tokens.numpy(), filled.numpy())[0])


def _score(folder: Path, kind: str, model: SavedModel, rows: Sequence[ClipRow]) -> RobustnessTable:
    exported = OnnxClassifier(OnnxModel(folder, int8=kind == "int8"))
    batches = ClipScorer(rows, model).stored_batches(model)
    scores = score_subsets(exported, batches, classes=model.classes, subsets=model.supported_subsets)
    return write_scores(scores, folder / "evaluation" / kind, facts={"model": str(folder), "graphs": kind})


def _has_convolution(path: Path) -> bool:
    import onnx

    return any(node.op_type == "Conv" for node in onnx.load(path).graph.node)


def quantise(source: Path, target: Path, inputs: Sequence[dict[str, Any]]) -> None:
    """Write a graph with 8-bit convolutions, their ranges those that the activations have on these inputs."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Clips(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is without types
        def __init__(self) -> None:
            self._left: Iterator[dict[str, Any]] = iter(inputs)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._left, None)

    with tempfile.TemporaryDirectory() as place:
        ready = Path(place) / source.name
        quant_pre_process(source, ready, skip_symbolic_shape=True)  # folds BatchNorm into the convolutions
        quantize_static(
            ready,
            target,
            Clips(),
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def _section(config: ExportConfig, clips: int) -> str:
    rows = "\n".join(
        f"| {name} | {float_:.1f} | {int8:.1f} | {int8 - float_:+.1f} |"
        for name, (float_, int8) in config.int8_top1.items()
    )
    return (
        f"\n## What 8-bit convolutions cost\n\nTop-1 in percent on {clips} test clips; {', '.join(config.int8)} have "
        "8-bit convolutions. The complete tables are in `evaluation/float` and `evaluation/int8`.\n\n"
        f"| sensors | float | 8 bits | difference |\n| --- | --: | --: | --: |\n{rows}\n"
    )

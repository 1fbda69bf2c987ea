"""One clip, by the number of its sensors: PyTorch, compiled, bf16, ONNX Runtime, 8-bit convolutions."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from actionmae.inference.export import write_config
from actionmae.inference.export_graphs import EncoderGraph, HeadsGraph, example_clip
from actionmae.inference.int8 import quantise
from actionmae.inference.onnx_model import OnnxModel, StoredClips, read_export
from actionmae.nn.classifier import MultiModalClassifier
from benchmarks.result import Result
from benchmarks.setup import NAMES, Sizes, export_once, make_model
from benchmarks.timing import interleave

Clips = Mapping[str, dict[str, Tensor]]
"""Inputs of each sensor's `EncoderGraph`, one row each."""


def run(sizes: Sizes, device: str) -> Result:
    """Time a stored clip to its logits, with the transform, from one, two and three sensors; always on the CPU."""
    model = make_model(sizes, sizes.encoders[0], device="cpu")
    clips = {spec.name: example_clip(spec, 1, seed=at) for at, spec in enumerate(model.modalities)}
    for clip in clips.values():
        clip["frame_available"].fill_(True)  # PyTorch encodes only frames that exist, a graph encodes all
    exported = OnnxModel(export_once(sizes, sizes.encoders[0]), threads=torch.get_num_threads())
    with TemporaryDirectory() as place:
        eight = _in_8_bits(export_once(sizes, sizes.encoders[0]), Path(place), clips)
    threads = torch.get_num_threads()
    encoders = [EncoderGraph(model, slot).eval() for slot in range(len(NAMES))]
    cases: dict[str, Callable[[], object]] = {}
    for count in range(1, len(NAMES) + 1):
        given = {name: clips[name] for name in NAMES[:count]}
        kinds = {
            "torch fp32": _in_torch(model, encoders, given, bf16=False),
            "torch bf16": _in_torch(model, encoders, given, bf16=True),
            "ONNX Runtime fp32": _in_onnx(exported, given),
            "ONNX Runtime int8": _in_onnx(eight, given),
        }
        if sizes.compile:
            compiled = [torch.compile(encoder) for encoder in encoders]
            kinds["torch.compile fp32"] = _in_torch(model, compiled, given, bf16=False)
        cases |= {f"{count}/{kind}": case for kind, case in kinds.items()}
    times = interleave(cases, rounds=sizes.rounds, device="cpu")
    rows: list[tuple[str, ...]] = []
    for case in cases:
        count, kind = case.split("/")
        speed = times.ratio(f"{count}/torch fp32", case)
        rows.append((str(count), kind, str(times.of(case, scale=1000)), str(speed)))
    return Result(
        title="One clip by the number of its sensors",
        about=(
            f"{sizes.encoders[0]}, {sizes.frames} frames of {sizes.pixels}² per sensor, one clip, from stored pixels "
            f"to logits, on {threads} CPU threads. Subsets of as many sensors cost the same here."
        ),
        columns=("sensors", "run by", "ms", "× as fast as torch fp32"),
        rows=rows,
        seconds=times.seconds,
    )


def _in_8_bits(export: Path, folder: Path, clips: Clips) -> OnnxModel:
    shutil.copytree(export, folder, dirs_exist_ok=True)
    config = read_export(folder)
    files = {name: f"{name}.int8.onnx" for name in clips}
    for name, file in files.items():
        quantise(folder / config.graphs[name], folder / file, [_arrays(clips[name]).inputs()])
    write_config(folder, replace(config, int8=files))
    return OnnxModel(folder, int8=True, threads=torch.get_num_threads())


def _in_torch(
    model: MultiModalClassifier, encoders: list[nn.Module], clips: Clips, *, bf16: bool
) -> Callable[[], object]:
    heads = HeadsGraph(model).eval()
    visible = torch.tensor([[name in clips for name in NAMES]])

    @torch.inference_mode()
    def predict() -> object:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            tokens = torch.zeros(1, len(NAMES), model.config.embed_dim)
            for slot, name in enumerate(clips):
                tokens[:, slot] = encoders[slot](**clips[name])
            return heads(tokens, visible)

    return predict


def _in_onnx(model: OnnxModel, clips: Clips) -> Callable[[], object]:
    visible = np.array([[name in clips for name in NAMES]])
    stored = {name: _arrays(clip) for name, clip in clips.items()}

    def predict() -> object:
        tokens = np.zeros((1, len(NAMES), model.config.token_width), dtype=np.float32)
        for slot, (name, clip) in enumerate(stored.items()):
            tokens[:, slot] = model.encode(name, clip)
        return model.complete(tokens, visible)

    return predict


def _arrays(clip: dict[str, Tensor]) -> StoredClips:
    return StoredClips(**{key: value.numpy() for key, value in clip.items()})

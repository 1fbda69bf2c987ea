"""A model folder → a folder of ONNX graphs that needs no torch, checked against the model that it came from."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actionmae.core.json_files import read_json
from actionmae.core.subsets import Subset, all_subsets, format_subset
from actionmae.inference.export_graphs import (
    EncoderGraph,
    FrameGraph,
    HeadsGraph,
    TimeGraph,
    encodes_frames_alone,
    example_clip,
    example_tokens,
    write_graph,
)
from actionmae.inference.onnx_model import (
    EXPORT_FORMAT,
    FRAME,
    HEADS,
    TIME,
    ExportConfig,
    OnnxModel,
    StoredClips,
    is_export,
)
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model, read_config
from actionmae.nn.written_folder import check_place, written_folder

TOLERANCE = 1e-4
"""How far a probability may be from PyTorch's."""

_ROWS = 5
"""Clips of which parity is checked; another number than the graphs were traced with."""


def export_model(folder: Path, out: Path, *, progress: Callable[[str], None] = lambda _: None) -> ExportConfig:
    """Write an export: `config.json`, `README.md`, one graph for each encoder and one for the heads.

    An encoder that reads each frame alone is written in two halves, too, so that a stream encodes a frame once.

    Args:
        folder: A model folder.
        out: The new folder; of an older export there the files are replaced and all others stay, anything else is
            refused.
        progress: Told what is done next.

    Returns:
        Its configuration, the measured parity with it.

    Raises:
        FileNotFoundError: If there is no model folder.
        ImportError: If the packages of the extra `export` are not installed.
        ValueError: If the model cannot be exported, `out` is something else, or parity is worse than `TOLERANCE`.
    """
    require_export_packages()
    place = check_export_place(out)
    model = load_model(folder)
    if HEADS in model.modalities.names:
        raise ValueError(f"a modality is called {HEADS!r}, as the graph of the heads: rename it and train again")
    before = _graphs(place)
    with written_folder(place) as unfinished:
        config = _write_graphs(model, unfinished, progress)
        provenance = read_config(folder).provenance | {"exported": datetime.now(UTC).isoformat(timespec="seconds")}
        write_config(unfinished, replace(config, provenance=provenance))
        progress("comparing with PyTorch")
        parity = measure_parity(model, OnnxModel(unfinished), OnnxModel(unfinished, by_frames=True))
        worst = max(parity, key=lambda name: parity[name])
        if not parity[worst] <= TOLERANCE:
            raise ValueError(
                f"the exported model differs from PyTorch by {parity[worst]:.1e} on {worst}, allowed is "
                f"{TOLERANCE:.0e}: this model cannot be exported with the installed versions of torch and onnxruntime"
            )
        config = replace(config, provenance=provenance, parity=parity)
        write_config(unfinished, config)
        (unfinished / "README.md").write_text(_card(model, config), encoding="utf-8")
    for name in before - set(config.graphs.values()):
        (place / name).unlink(missing_ok=True)
    return config


def check_export_place(out: Path) -> Path:
    """Find out before long work whether an export can be written there; nothing is touched.

    Returns:
        The real, absolute folder.

    Raises:
        ValueError: If something else than an export is there, or nothing can be written.
    """
    return check_place(out, "export", is_export)


def _graphs(folder: Path) -> set[str]:
    """The files of an older export; those of one that cannot be read stay."""
    try:
        older = read_json(folder / "config.json", ExportConfig, writer="export")
    except (ValueError, OSError):
        return set()
    named = {Path(name).name for name in (*older.graphs.values(), *older.int8.values())}
    return {name for name in named if name.endswith(".onnx")}


def require_export_packages() -> None:
    """Refuse to begin without them.

    Raises:
        ImportError: Naming the first that lacks.
    """
    try:
        import onnx  # noqa: F401  # whether they are there is all that is asked
        import onnxruntime  # noqa: F401  # likewise
        import onnxscript  # noqa: F401  # likewise
    except ImportError as error:
        raise ImportError(f"export needs {error.name}: pip install 'actionmae[export]'") from error


@torch.no_grad()
def measure_parity(model: SavedModel, exported: OnnxModel, by_frames: OnnxModel) -> dict[str, float]:
    """The largest difference of a probability between PyTorch and ONNX Runtime, by subset and for mixed masks.

    The clips are random and lack some frames.

    Args:
        model: What was exported.
        exported: The export.
        by_frames: The same, its encoders in halves.
    """
    slots = range(len(model.modalities))
    inputs = [example_clip(spec, _ROWS, seed=slot) for slot, spec in enumerate(model.modalities)]
    ours = torch.stack([EncoderGraph(model, slot).eval()(**inputs[slot]) for slot in slots], dim=1)
    clips = {
        name: StoredClips(**{key: value.numpy() for key, value in each.items()})
        for name, each in zip(model.modalities.names, inputs, strict=True)
    }
    theirs = np.stack([exported.encode(name, clip) for name, clip in clips.items()], axis=1)
    halves = np.stack([_encode_by_frames(by_frames, name, clip) for name, clip in clips.items()], axis=1)
    subsets: list[Subset] = list(model.supported_subsets or all_subsets(len(model.modalities)))
    masks = torch.zeros(len(subsets), len(model.modalities), dtype=torch.bool)
    for row, subset in enumerate(subsets):
        masks[row, list(subset)] = True
    cases = {format_subset(subset, model.modalities): masks[[at] * _ROWS] for at, subset in enumerate(subsets)}
    mixed = torch.arange(max(_ROWS, len(subsets)))
    cases["mixed"] = masks[mixed % len(subsets)]
    found = {name: _difference(model, exported, ours, theirs, visible) for name, visible in cases.items()}
    return found | {"mixed, by frames": _difference(model, by_frames, ours, halves, cases["mixed"])}


def _encode_by_frames(exported: OnnxModel, name: str, clip: StoredClips) -> NDArray[np.float32]:
    """Tokens [R, C], each frame encoded for itself where that is possible."""
    if not exported.reads_frames_alone(name):
        return exported.encode(name, clip)
    frames = clip.clip.reshape(-1, *clip.clip.shape[2:])
    features = np.concatenate([exported.encode_frames(name, frame[None]) for frame in frames])
    return exported.encode_time(name, features.reshape(*clip.clip.shape[:2], -1), clip.frame_available)


def _difference(model: SavedModel, exported: OnnxModel, ours: Tensor, theirs: Any, visible: Tensor) -> float:
    rows = np.arange(len(visible)) % len(ours)
    expected = model.classify(*model.reconstruct(ours[rows], visible)).float().softmax(dim=1)
    logits, _, _ = exported.complete(theirs[rows], visible.numpy())
    return float((torch.from_numpy(logits).softmax(dim=1) - expected).abs().max())


def _write_graphs(model: SavedModel, folder: Path, progress: Callable[[str], None]) -> ExportConfig:
    graphs = {}
    width = 0
    for slot, spec in enumerate(model.modalities):
        progress(f"writing the encoder of {spec.name}")
        graph, inputs = EncoderGraph(model, slot).eval(), example_clip(spec)
        with torch.no_grad():
            width = graph(**inputs).shape[1]
        graphs[spec.name] = f"{spec.name}.onnx"
        write_graph(graph, inputs, ["token"], folder / graphs[spec.name])
        if encodes_frames_alone(graph):
            graphs |= _write_halves(graph, inputs, folder)
    progress("writing the heads")
    tokens, visible = example_tokens(model, width)
    graphs[HEADS] = f"{HEADS}.onnx"
    outputs = ["logits", "tokens_completed", "filled"]
    write_graph(HeadsGraph(model).eval(), {"tokens": tokens, "visible": visible}, outputs, folder / graphs[HEADS])
    supported = model.supported_subsets
    return ExportConfig(
        export_format=EXPORT_FORMAT,
        modalities=json.loads(json.dumps(model.modalities.to_list())),
        classes=list(model.classes),
        token_width=width,
        supported_subsets=None if supported is None else [list(subset) for subset in supported],
        graphs=graphs,
        calibration=None if model.calibration is None else model.calibration.to_dict(),
    )


def _write_halves(graph: EncoderGraph, inputs: dict[str, Tensor], folder: Path) -> dict[str, str]:
    name = graph.spec.name
    files = {f"{name} {half}": f"{name}.{half}.onnx" for half in (FRAME, TIME)}
    frame = {"frame": inputs["clip"][:, 0].clone()}
    by_frame, by_time = FrameGraph(graph).eval(), TimeGraph(graph).eval()
    write_graph(by_frame, frame, ["features"], folder / files[f"{name} {FRAME}"])
    with torch.no_grad():
        features = torch.stack([by_frame(each) for each in inputs["clip"].unbind(1)], dim=1)
    window = {"features": features, "frame_available": inputs["frame_available"]}
    write_graph(by_time, window, ["token"], folder / files[f"{name} {TIME}"])
    return files


def write_config(folder: Path, config: ExportConfig) -> None:
    """Write config.json, with the SHA-256 of every graph."""
    files = sorted(chain(config.graphs.values(), config.int8.values()))
    sha256 = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}
    text = json.dumps(asdict(replace(config, sha256=sha256)), indent=2)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")


def _card(model: SavedModel, config: ExportConfig) -> str:
    inputs = "\n".join(
        f"| `{file}` | {_describe(model, part)} |" for part, file in (config.graphs | _named(config.int8)).items()
    )
    anew = [name for name in model.modalities.names if f"{name} {FRAME}" not in config.graphs]
    kept = f"A stream encodes the whole window of {', '.join(anew)} at every answer." if anew else ""
    parity = "\n".join(f"| {name} | {value:.1e} |" for name, value in config.parity.items())
    first = model.modalities.names[0]
    return f"""# Action classifier, exported to ONNX

Recognises {len(config.classes)} actions from any subset of {", ".join(model.modalities.names)}. It needs no PyTorch:

```python
from actionmae.inference.onnx_predictor import OnnxPredictor

OnnxPredictor.load(".").predict({first}="recording")
```

| file | what it computes |
| --- | --- |
{inputs}

The first size of every input is free. What is missing is False in `visible`, and its token is never read.
A frame graph and its time graph do together what the encoder does, so that a stream encodes each frame once. {kept}

Largest difference of a probability from PyTorch's, by the sensors that are present ("mixed": rows that lack different
ones), on random clips:

| sensors | difference |
| --- | --- |
{parity}
"""


def _named(int8: Mapping[str, str]) -> dict[str, str]:
    return {f"{part} with 8-bit convolutions": file for part, file in int8.items()}


def _describe(model: SavedModel, part: str) -> str:
    if part == HEADS:
        return "tokens and the mask `visible` → logits, completed tokens, `filled`"
    if part.endswith(f" {TIME}"):
        return "`features` of a window's frames, and which of these exist → the token"
    spec = model.modalities[part.partition(" ")[0]]
    if part.startswith(f"{spec.name} {FRAME}"):
        return (
            f"stored frames of {spec.name} (`frame` {list(example_clip(spec, 1)['clip'].shape[2:])}) → their features"
        )
    stored = ", ".join(f"`{name}` {list(each.shape[1:])}" for name, each in example_clip(spec, 1).items())
    return f"stored clip of {part} ({stored}; each with the batch in front) → its token"

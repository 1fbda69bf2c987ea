"""The parts of a model as ONNX graphs: each encoder with its evaluation transform inside, and the heads.

Shapes: B batch, M modality, T frame, c stored channel, H W pixels of the stored region, P person, J joint, C token.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.core.tensors import ClipBatch
from actionmae.data.loading.collate import empty_images
from actionmae.data.transforms.transform import transform
from actionmae.nn.architectures import SavedModel

_EXAMPLE_ROWS = 3
"""A dynamic size that is traced at 0 or 1 becomes a constant."""


class EncoderGraph(nn.Module):
    """Clips as the host stores them → the tokens of one modality.

    Args:
        model: Whose encoder.
        slot: Of which modality.
    """

    def __init__(self, model: SavedModel, slot: int) -> None:
        super().__init__()
        self.spec = model.modalities[slot]
        self.encoder = model.clip_encoder(slot)

    def forward(self, clip: Tensor, frame_available: Tensor, person_available: Tensor | None = None) -> Tensor:
        """Token [B, C] of clip [B, T, …], frame_available [B, T], for joints person_available [B, T, P]."""
        name = self.spec.name
        batch = ClipBatch(
            clips={name: clip},
            available=torch.ones(1, 1, dtype=torch.bool),  # read by nothing that remains in the graph
            labels=torch.zeros(1, dtype=torch.int64),
            sample_ids=[],
            frame_available={name: frame_available},
            person_available={} if person_available is None else {name: person_available},
        )
        ready = transform(batch, ModalitySet([self.spec])).clips[name]
        masks = {} if person_available is None else {"person_available": person_available}
        token: Tensor = self.encoder(ready, frame_available=frame_available, **masks)
        return token.float()


class FrameGraph(nn.Module):
    """Frames as the host stores them → their features, for a stream that encodes each frame once.

    Args:
        encoder: Of one modality, for which `encodes_frames_alone` holds.
    """

    def __init__(self, encoder: EncoderGraph) -> None:
        super().__init__()
        self.spec, self.encoder = encoder.spec, encoder.encoder

    def forward(self, frame: Tensor) -> Tensor:
        """Features [R, C] of frame [R, …]."""
        name = self.spec.name
        batch = ClipBatch(
            clips={name: frame[:, None]},
            available=torch.ones(1, 1, dtype=torch.bool),
            labels=torch.zeros(1, dtype=torch.int64),
            sample_ids=[],
        )
        ready = transform(batch, ModalitySet([self.spec])).clips[name]
        encoder: Any = self.encoder
        features: Tensor = encoder.encode_frames(ready)
        return features[:, 0].float()


class TimeGraph(nn.Module):
    """Features of a window's frames → the token of one modality; see `FrameGraph`."""

    def __init__(self, encoder: EncoderGraph) -> None:
        super().__init__()
        self.encoder = encoder.encoder

    def forward(self, features: Tensor, frame_available: Tensor) -> Tensor:
        """Token [R, C] of features [R, T, C]."""
        encoder: Any = self.encoder
        token: Tensor = encoder.encode_time(features, frame_available=frame_available)
        return token.float()


def encodes_frames_alone(graph: EncoderGraph) -> bool:
    """Whether a frame's features can be kept while a window slides.

    Joints hold changes, signals are read in windows, depth may take its range from the whole clip, and R(2+1)D mixes
    the frames.
    """
    spec = graph.spec
    whole_clip = spec.kind in ("joints", "signal") or (spec.value == "depth" and spec.value_range is None)
    return not whole_clip and bool(getattr(graph.encoder, "streamable", False))


class HeadsGraph(nn.Module):
    """Tokens and which of them are visible → logits, and all tokens after reconstruction."""

    def __init__(self, model: SavedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, visible: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [B, K], filled tokens [B, M, C], and which slots are filled [B, M]."""
        completed, filled = self.model.reconstruct(tokens, visible)
        return self.model.classify(completed, filled).float(), completed, filled.clone()


def example_clip(spec: ModalitySpec, rows: int = _EXAMPLE_ROWS, seed: int = 0) -> dict[str, Tensor]:
    """Random inputs of an `EncoderGraph`, in which some frames do not exist."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.rand(rows, spec.num_frames, generator=generator) > 0.25
    frames[:, 0] = True
    if spec.kind == "frames":
        clip = empty_images(spec, rows)
        top = 255 if clip.dtype == torch.uint8 else 6000
        clip = torch.randint(0, top, clip.shape, generator=generator, dtype=torch.int32).to(clip.dtype)
        return {"clip": clip, "frame_available": frames}
    clip = torch.randn(rows, spec.num_frames, *spec.shape, generator=generator)
    if spec.kind != "joints":
        return {"clip": clip, "frame_available": frames}
    persons = torch.rand(rows, spec.num_frames, spec.shape[0], generator=generator) > 0.3
    persons[..., 0] |= frames
    persons &= frames[:, :, None]
    return {"clip": clip, "frame_available": frames, "person_available": persons}


def example_tokens(model: SavedModel, width: int, rows: int = _EXAMPLE_ROWS, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random inputs of a `HeadsGraph`."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(rows, len(model.modalities), width, generator=generator)
    visible = torch.rand(rows, len(model.modalities), generator=generator) > 0.5
    visible[:, 0] |= ~visible.any(dim=1)
    return tokens, visible


def write_graph(graph: nn.Module, inputs: dict[str, Tensor], outputs: list[str], path: Path) -> None:
    """Write one graph by torch.export; the first size of every input and output may be any.

    Args:
        graph: In eval mode, on the CPU.
        inputs: Example inputs by name.
        outputs: Names.
        path: The .onnx file.
    """
    batch = torch.export.Dim("batch", min=1)
    with torch.no_grad(), _quiet():
        graph(**inputs)  # tables that are made on first use must be made of numbers, not of the tracer's stand-ins
        program = torch.onnx.export(
            graph,
            args=(),
            kwargs=inputs,
            dynamo=True,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes={name: {0: batch} for name in inputs},
            external_data=False,
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its own steps, not of the model."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)

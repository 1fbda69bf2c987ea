"""A trained model as a `StreamModel`.

Shapes: M modality, T frame, C token, K classes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms.transform import transform
from actionmae.inference.export_graphs import EncoderGraph, example_clip
from actionmae.inference.onnx_model import StoredClips
from actionmae.inference.predictor import Predictor
from actionmae.nn.architectures import SavedModel


class TorchStreamModel:
    """See `StreamModel`.

    Args:
        model: In eval mode, on the device where it is to run.

    Raises:
        ValueError: If its kind cannot be taken apart by modality.
    """

    def __init__(self, model: SavedModel) -> None:
        self._model = model.eval()
        self._device = next(model.parameters()).device
        self.modalities, self.classes = model.modalities, model.classes
        self.supported_subsets, self.calibration = model.supported_subsets, model.calibration
        self._graphs = {spec.name: EncoderGraph(model, slot).eval() for slot, spec in enumerate(model.modalities)}
        self._keeps = {spec.name: _encodes_frames_alone(spec, self._graphs[spec.name]) for spec in model.modalities}
        spec = model.modalities[0]
        inputs = {name: value.numpy() for name, value in example_clip(spec, 1).items()}
        self.token_width = len(self.encode_clip(spec.name, StoredClips(**inputs)))

    @classmethod
    def load(cls, folder: Path, *, device: str = "cpu") -> "TorchStreamModel":
        """Read a model folder; see `Predictor.load` for the errors."""
        return cls(Predictor.load(folder, device=device).model)

    def keeps_features(self, name: str) -> bool:
        """See `StreamModel`."""
        return self._keeps[name]

    @torch.inference_mode()
    def encode_frame(self, name: str, frame: NDArray[Any]) -> Tensor:
        """See `StreamModel`; [C], on the model's device."""
        spec = self.modalities[name]
        clip = torch.from_numpy(np.ascontiguousarray(frame))[None, None].to(self._device)
        batch = ClipBatch(
            clips={name: clip},
            available=torch.ones(1, 1, dtype=torch.bool),
            labels=torch.zeros(1, dtype=torch.int64),
            sample_ids=[name],
        )
        ready = transform(batch, ModalitySet([spec])).clips[name]
        encoder: Any = self._graphs[name].encoder
        features: Tensor = encoder.encode_frames(ready)
        return features[0, 0]

    @torch.inference_mode()
    def encode_features(
        self, name: str, features: list[Any], frame_available: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """See `StreamModel`."""
        mask = torch.from_numpy(frame_available)[None].to(self._device)
        encoder: Any = self._graphs[name].encoder
        return _numpy(encoder.encode_time(torch.stack(features)[None], frame_available=mask)[0])

    @torch.inference_mode()
    def encode_clip(self, name: str, clip: StoredClips) -> NDArray[np.float32]:
        """See `StreamModel`."""
        inputs = {key: torch.from_numpy(value).to(self._device) for key, value in clip.inputs().items()}
        return _numpy(self._graphs[name](**inputs)[0])

    @torch.inference_mode()
    def logits(self, tokens: NDArray[np.float32], visible: NDArray[np.bool_]) -> NDArray[np.float32]:
        """See `StreamModel`."""
        given = torch.from_numpy(tokens)[None].to(self._device), torch.from_numpy(visible)[None].to(self._device)
        return _numpy(self._model.classify(*self._model.reconstruct(*given))[0])


def _encodes_frames_alone(spec: ModalitySpec, graph: EncoderGraph) -> bool:
    """Joints hold changes, signals are read in windows, and depth may take its range from the whole clip."""
    whole_clip = spec.kind in ("joints", "signal") or (spec.value == "depth" and spec.value_range is None)
    return not whole_clip and bool(getattr(graph.encoder, "streamable", False))


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.float().cpu().numpy()

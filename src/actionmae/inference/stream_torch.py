"""A trained model as a `StreamModel`.

Shapes: M modality, T frame, C token, K classes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actionmae.inference.export_graphs import EncoderGraph, FrameGraph, TimeGraph, encodes_frames_alone, example_clip
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
        alone = {name: graph for name, graph in self._graphs.items() if encodes_frames_alone(graph)}
        self._frames = {name: FrameGraph(graph).eval() for name, graph in alone.items()}
        self._times = {name: TimeGraph(graph).eval() for name, graph in alone.items()}
        spec = model.modalities[0]
        inputs = {name: value.numpy() for name, value in example_clip(spec, 1).items()}
        self.token_width = len(self.encode_clip(spec.name, StoredClips(**inputs)))

    @classmethod
    def load(cls, folder: Path, *, device: str = "cpu") -> "TorchStreamModel":
        """Read a model folder; see `Predictor.load` for the errors."""
        return cls(Predictor.load(folder, device=device).model)

    def keeps_features(self, name: str) -> bool:
        """See `StreamModel`."""
        return name in self._frames

    @torch.inference_mode()
    def encode_frame(self, name: str, frame: NDArray[Any]) -> Tensor:
        """See `StreamModel`; [C], on the model's device."""
        stored = torch.from_numpy(np.ascontiguousarray(frame))[None].to(self._device)
        features: Tensor = self._frames[name](stored)
        return features[0]

    @torch.inference_mode()
    def encode_features(
        self, name: str, features: list[Any], frame_available: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """See `StreamModel`."""
        mask = torch.from_numpy(frame_available)[None].to(self._device)
        return _numpy(self._times[name](torch.stack(features)[None], mask)[0])

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


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.float().cpu().numpy()

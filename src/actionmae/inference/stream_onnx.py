"""An export as a `StreamModel`: frames are encoded once where the export has an encoder's halves. No torch."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.inference.onnx_model import OnnxModel, StoredClips


class OnnxStreamModel:
    """See `StreamModel`.

    Args:
        folder: What `actionmae export` wrote.
        int8: Use its 8-bit convolutions.
        threads: Of ONNX Runtime; 0 = its own choice.
    """

    def __init__(self, folder: Path, *, int8: bool = False, threads: int = 0) -> None:
        self._model = OnnxModel(folder, int8=int8, threads=threads, by_frames=True)
        self.modalities, self.classes = self._model.modalities, self._model.classes
        self.calibration, self.supported_subsets = self._model.calibration, self._model.supported_subsets
        self.token_width = self._model.config.token_width

    def keeps_features(self, name: str) -> bool:
        """See `StreamModel`."""
        return self._model.reads_frames_alone(name)

    def encode_frame(self, name: str, frame: NDArray[Any]) -> NDArray[np.float32]:
        """See `StreamModel`; [C]."""
        features: NDArray[np.float32] = self._model.encode_frames(name, frame[None])[0]
        return features

    def encode_features(
        self, name: str, features: list[Any], frame_available: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """See `StreamModel`."""
        token: NDArray[np.float32] = self._model.encode_time(name, np.stack(features)[None], frame_available[None])[0]
        return token

    def encode_clip(self, name: str, clip: StoredClips) -> NDArray[np.float32]:
        """See `StreamModel`."""
        token: NDArray[np.float32] = self._model.encode(name, clip)[0]
        return token

    def logits(self, tokens: NDArray[np.float32], visible: NDArray[np.bool_]) -> NDArray[np.float32]:
        """See `StreamModel`."""
        logits: NDArray[np.float32] = self._model.complete(tokens[None], visible[None])[0][0]
        return logits

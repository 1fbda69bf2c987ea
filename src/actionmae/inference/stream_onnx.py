"""An export as a `StreamModel`: its graphs read whole clips, so a window is encoded at every answer. No torch."""

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
    """

    def __init__(self, folder: Path, *, int8: bool = False) -> None:
        self._model = OnnxModel(folder, int8=int8)
        self.modalities, self.classes = self._model.modalities, self._model.classes
        self.calibration = self._model.calibration
        self.token_width = self._model.config.token_width
        self.supported_subsets = self._model.supported_subsets

    def keeps_features(self, name: str) -> bool:
        """Never."""
        return False

    def encode_frame(self, name: str, frame: NDArray[Any]) -> Any:
        """Never called: nothing keeps features."""
        raise NotImplementedError

    def encode_features(
        self, name: str, features: list[Any], frame_available: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Never called: nothing keeps features."""
        raise NotImplementedError

    def encode_clip(self, name: str, clip: StoredClips) -> NDArray[np.float32]:
        """See `StreamModel`."""
        token: NDArray[np.float32] = self._model.encode(name, clip)[0]
        return token

    def logits(self, tokens: NDArray[np.float32], visible: NDArray[np.bool_]) -> NDArray[np.float32]:
        """See `StreamModel`."""
        logits: NDArray[np.float32] = self._model.complete(tokens[None], visible[None])[0][0]
        return logits

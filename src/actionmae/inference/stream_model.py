"""What a stream needs of a model, and where to get it: a model folder, or an export. No torch.

Shapes: M modality, T frame, C token, K classes.
"""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from actionmae.inference.calibrated import Described
from actionmae.inference.onnx_model import StoredClips, is_export


@runtime_checkable
class StreamModel(Described, Protocol):
    """What a `StreamPredictor` needs of a model.

    Attributes:
        token_width: C.
    """

    token_width: int

    def keeps_features(self, name: str) -> bool:
        """Whether a frame of this modality can be encoded alone; otherwise its window is encoded at every answer."""
        ...

    def encode_frame(self, name: str, frame: NDArray[Any]) -> Any:
        """Features of one stored frame."""
        ...

    def encode_features(
        self, name: str, features: list[Any], frame_available: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Token [C] of T frames' features."""
        ...

    def encode_clip(self, name: str, clip: StoredClips) -> NDArray[np.float32]:
        """Token [C] of one stored clip."""
        ...

    def logits(self, tokens: NDArray[np.float32], visible: NDArray[np.bool_]) -> NDArray[np.float32]:
        """[K] from tokens [M, C] and which of them exist [M]."""
        ...


def load_stream_model(folder: Path, *, device: str = "cpu", int8: bool = False) -> StreamModel:
    """The model of a model folder, or of an export, which needs no torch.

    Raises:
        FileNotFoundError: If the folder is neither.
        ValueError: If it is damaged, or int8 is asked for and is not there.
    """
    if is_export(folder):
        from actionmae.inference.stream_onnx import OnnxStreamModel

        return OnnxStreamModel(folder, int8=int8)
    if int8:
        raise ValueError(f"{folder} is no export: 8-bit convolutions come with `actionmae export --int8 MANIFEST`")
    from actionmae.inference.stream_torch import TorchStreamModel

    return TorchStreamModel.load(folder, device=device)

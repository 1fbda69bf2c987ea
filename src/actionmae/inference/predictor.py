"""From recordings to class names by a trained model, with whichever sensors exist.

Shapes: B clips, M modality, C token, K classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from actionmae.core.devices import pick_device
from actionmae.data.loading.collate import ClipSample, collate
from actionmae.data.transforms.transform import transform
from actionmae.inference.clip_predictor import ClipPredictor, Mask, Tokens
from actionmae.inference.read_stored import StoredSample
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model


class Predictor(ClipPredictor[SavedModel]):
    """A trained model, ready for clips.

    Args:
        model: In eval mode, on the device where it is to run.
        min_confidence: Below this probability an answer is not `sure`.
        health: Treat recordings that are recognisably broken as missing.

    Raises:
        ValueError: If min_confidence is no probability, or the model does not know what healthy recordings look like.
    """

    def __init__(self, model: SavedModel, *, min_confidence: float = 0.0, health: bool = False) -> None:
        super().__init__(model.eval(), min_confidence=min_confidence, health=health)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: torch.device | str = "cpu",
        min_confidence: float = 0.0,
        health: bool = False,
    ) -> "Predictor":
        """Read a model folder.

        Args:
            folder: The model folder.
            device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
            min_confidence: Below this probability an answer is not `sure`.
            health: Treat recordings that are recognisably broken as missing.

        Raises:
            FileNotFoundError: If it is no model folder.
            ValueError: If it is damaged or newer than this code, or this machine has no such device.
        """
        model = load_model(folder, device=pick_device(str(device)))
        return cls(model, min_confidence=min_confidence, health=health)

    @torch.inference_mode()
    def encode(self, samples: Sequence[StoredSample]) -> Tokens:
        """See `ClipPredictor.encode`."""
        batch = collate([as_tensors(sample) for sample in samples]).to(self._device)
        return _numpy(self.model.encode(transform(batch, self.model.modalities)))

    @torch.inference_mode()
    def complete(self, tokens: Tokens, visible: Mask) -> tuple[Float[np.ndarray, "B K"], Tokens, Mask]:
        """See `ClipPredictor.complete`."""
        given = torch.from_numpy(tokens).to(self._device), torch.from_numpy(visible).to(self._device)
        completed, filled = self.model.reconstruct(*given)
        return _numpy(self.model.classify(completed, filled)), _numpy(completed), filled.cpu().numpy()

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


def as_tensors(sample: StoredSample) -> ClipSample:
    """The same clip for `collate`, in the same memory."""
    masks = {name: clip.frame_available[0] for name, clip in sample.clips.items()}
    persons = {name: clip.person_available for name, clip in sample.clips.items()}
    return ClipSample(
        sample=sample.sample,
        label=-1,
        modalities=sample.modalities,
        clips={name: torch.from_numpy(clip.clip[0]) for name, clip in sample.clips.items()},
        frame_available={name: torch.from_numpy(mask) for name, mask in masks.items() if not mask.all()},
        person_available={name: torch.from_numpy(mask[0]) for name, mask in persons.items() if mask is not None},
    )


def _numpy(tensor: Tensor) -> Float[np.ndarray, "..."]:
    return tensor.float().cpu().numpy()

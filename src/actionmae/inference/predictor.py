"""From recordings to class names, with whichever sensors exist.

Reading, frame choice and preprocessing are those of a test clip: a prediction here is the one that evaluation counted.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import ArrayLike

from actionmae.core.tensors import ClipBatch
from actionmae.data.cell import Cell
from actionmae.data.loading.collate import ClipSample, collate
from actionmae.data.loading.dataset import read_sample
from actionmae.data.reading.readers import FrameReader, array_reader, open_reader
from actionmae.data.transforms.transform import transform
from actionmae.inference.prediction import Prediction
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model

Source = Cell | str | os.PathLike[str] | ArrayLike
"""A path (video, folder of images, .mat, .npy, .skeleton), a cell of a manifest, or an array or tensor, time first."""


class Predictor:
    """A trained model, ready for single clips.

    Args:
        model: In eval mode, on the device where it is to run.
    """

    def __init__(self, model: SavedModel) -> None:
        self.model = model.eval()

    @classmethod
    def load(cls, folder: str | Path, *, device: torch.device | str = "cpu") -> "Predictor":
        """Read a model folder.

        Raises:
            FileNotFoundError: If it is no model folder.
            ValueError: If it is damaged or newer than this code, or the device cannot be used.
        """
        model = load_model(folder)
        try:
            return cls(model.to(torch.device(device)))
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                f"device {str(device)!r} cannot be used ({reason}): choose cpu, or cuda on a GPU"
            ) from error

    def predict(self, /, *, top: int = 5, **files: Source) -> Prediction:
        """Classify one clip.

        Args:
            top: How many classes to return.
            **files: Path or array by modality; any non-empty subset of the model's. (A modality of the name top needs
                `predict_many`.)

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: If nothing is given, a modality is unknown, a recording is broken, or top is out of range.
        """
        return self.predict_many([files], top=top)[0]

    def predict_many(self, clips: Sequence[Mapping[str, Source]], *, top: int = 5) -> list[Prediction]:
        """Classify several clips in one batch; each may have other modalities. See `predict`."""
        if top < 1:
            raise ValueError(f"top is {top}: give at least 1")
        if not clips:
            return []
        batch = self._batch(clips)
        with torch.inference_mode():
            probabilities = self.model(batch).logits.float().softmax(dim=1).cpu()
        best, classes = probabilities.topk(min(top, len(self.model.classes)), dim=1)
        names = self.model.modalities.names
        return [
            Prediction(
                classes=tuple(self.model.classes[index] for index in row_classes),
                probabilities=tuple(row_best),
                available=tuple(name for name in names if name in clip),
                missing=tuple(name for name in names if name not in clip),
            )
            for row_classes, row_best, clip in zip(classes.tolist(), best.tolist(), clips, strict=True)
        ]

    def embed(self, /, **files: Source) -> dict[str, Float32[np.ndarray, " C"]]:
        """The clip's tokens by modality: as encoded where the modality was given, reconstructed where it was not.

        Without ActionMAE only the given modalities are returned. See `predict` for what may be given.
        """
        batch = self._batch([files])
        with torch.inference_mode():
            tokens, filled = self.model.reconstruct(self.model.encode(batch), batch.available)
        return {
            name: tokens[0, slot].float().cpu().numpy()
            for slot, name in enumerate(self.model.modalities.names)
            if bool(filled[0, slot])
        }

    def _batch(self, clips: Sequence[Mapping[str, Source]]) -> ClipBatch:
        samples = [self._read(f"clip {at}", clip) for at, clip in enumerate(clips)]
        device = next(self.model.parameters()).device
        return transform(collate(samples).to(device), self.model.modalities)

    def _read(self, sample: str, clip: Mapping[str, Source]) -> ClipSample:
        modalities = self.model.modalities
        if not clip:
            raise ValueError(f"{sample} has no recording: give at least one of {', '.join(modalities.names)}")
        readers: dict[str, FrameReader] = {}
        for name, source in clip.items():
            spec = modalities[modalities.index(name)]
            if isinstance(source, Cell | str | os.PathLike):
                readers[name] = open_reader(source, spec)
            else:
                readers[name] = array_reader(source, spec, name=f"the {name} array")
        return read_sample(sample, readers, modalities)

"""From recordings to class names by an exported model: `Predictor` without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import format_subset
from actionmae.inference.onnx_model import OnnxModel, StoredClips
from actionmae.inference.prediction import Prediction
from actionmae.inference.read_stored import Source, read_stored


@runtime_checkable
class Answering(Protocol):
    """What turns logits into an answer."""

    modalities: ModalitySet
    classes: tuple[str, ...]
    calibration: Calibration | None


class OnnxPredictor:
    """An exported model, ready for single clips; used as `Predictor` is.

    Args:
        model: The graphs.
    """

    def __init__(self, model: OnnxModel) -> None:
        self.model = model

    @classmethod
    def load(cls, folder: str | Path, *, int8: bool = False, threads: int = 0) -> "OnnxPredictor":
        """Read an export; see `OnnxModel` for the arguments and errors."""
        return cls(OnnxModel(folder, int8=int8, threads=threads))

    def predict(self, /, *, top: int = 5, **files: Source) -> Prediction:
        """Classify one clip.

        Args:
            top: How many classes to return.
            **files: Path or array by modality; any non-empty subset of the model's. (A modality of the name top needs
                `predict_many`.)

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: If nothing is given, a modality is unknown, a recording is broken, the model does not predict
                from these modalities, or top is out of range.
        """
        return self.predict_many([files], top=top)[0]

    def predict_many(self, clips: Sequence[Mapping[str, Source]], *, top: int = 5) -> list[Prediction]:
        """Classify several clips in one batch; each may have other modalities. See `predict`."""
        if top < 1:
            raise ValueError(f"top is {top}: give at least 1")
        if not clips:
            return []
        logits, _, _ = self.model.complete(*self._encode(clips))
        return [answer(row, self.model, tuple(clip), top=top) for row, clip in zip(logits, clips, strict=True)]

    def embed(self, /, **files: Source) -> dict[str, NDArray[np.float32]]:
        """The clip's tokens [C] by modality: as encoded where the modality was given, reconstructed where it was not.

        Without ActionMAE only the given modalities are returned. See `predict` for what may be given.
        """
        _, tokens, filled = self.model.complete(*self._encode([files]))
        names = self.model.modalities.names
        return {name: tokens[0, slot] for slot, name in enumerate(names) if filled[0, slot]}

    def _encode(self, clips: Sequence[Mapping[str, Source]]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Tokens [B, M, C] and which exist [B, M]; each modality's clips go through its graph together."""
        names = self.model.modalities.names
        read = [read_stored(f"clip {at}", clip, self.model.modalities) for at, clip in enumerate(clips)]
        visible = np.array([[name in each for name in names] for each in read])
        tokens = np.zeros((len(read), len(names), self.model.config.token_width), dtype=np.float32)
        for slot, name in enumerate(names):
            if visible[:, slot].any():
                together = join([each[name] for each in read if name in each])
                tokens[visible[:, slot], slot] = self.model.encode(name, together)
        return tokens, visible


def join(clips: Sequence[StoredClips]) -> StoredClips:
    """Clips of one modality, one below the other."""
    persons = [each.person_available for each in clips if each.person_available is not None]
    return StoredClips(
        clip=np.concatenate([each.clip for each in clips]),
        frame_available=np.concatenate([each.frame_available for each in clips]),
        person_available=np.concatenate(persons) if persons else None,
    )


def answer(logits: NDArray[np.float32], model: Answering, given: Sequence[str], *, top: int) -> Prediction:
    """The prediction that logits [K] of one clip mean.

    Args:
        logits: Of the model's classes.
        model: Whose names and calibration count.
        given: Those that were used.
        top: How many classes to return.
    """
    names = model.modalities.names
    if model.calibration is not None:
        subset = tuple(slot for slot, name in enumerate(names) if name in given)
        logits = logits / np.float32(model.calibration.temperature(format_subset(subset, model.modalities)))
    powers = np.exp(logits - logits.max())
    probabilities = powers / powers.sum()
    best = np.argsort(-probabilities, kind="stable")[:top].tolist()
    return Prediction(
        classes=tuple(model.classes[index] for index in best),
        probabilities=tuple(float(probabilities[index]) for index in best),
        available=tuple(name for name in names if name in given),
        missing=tuple(name for name in names if name not in given),
    )

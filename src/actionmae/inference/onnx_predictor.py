"""From recordings to class names by an exported model: `Predictor` without torch.

Shapes: B clips, M modality, C token, K classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from actionmae.inference.clip_predictor import ClipPredictor, Mask, Tokens
from actionmae.inference.onnx_model import OnnxModel, StoredClips
from actionmae.inference.read_stored import StoredSample


class OnnxPredictor(ClipPredictor[OnnxModel]):
    """An exported model, ready for clips; used as `Predictor` is.

    Args:
        model: The graphs.
        min_confidence: Below this probability an answer is not `sure`.
        health: Treat recordings that are recognisably broken as missing.

    Raises:
        ValueError: If min_confidence is no probability, or the model does not know what healthy recordings look like.
    """

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        int8: bool = False,
        threads: int = 0,
        min_confidence: float = 0.0,
        health: bool = False,
    ) -> "OnnxPredictor":
        """Read an export; see `OnnxModel` for its arguments and errors, and the class for the others."""
        return cls(OnnxModel(folder, int8=int8, threads=threads), min_confidence=min_confidence, health=health)

    def encode(self, samples: Sequence[StoredSample]) -> Tokens:
        """See `ClipPredictor.encode`; each modality's clips go through its graph together."""
        visible, names = self.visible(samples), self.model.modalities.names
        tokens = np.zeros((*visible.shape, self.model.config.token_width), dtype=np.float32)
        for slot, name in enumerate(names):
            if visible[:, slot].any():
                together = _join([sample.clips[name] for sample in samples if name in sample.clips])
                tokens[visible[:, slot], slot] = self.model.encode(name, together)
        return tokens

    def complete(self, tokens: Tokens, visible: Mask) -> tuple[Float[np.ndarray, "B K"], Tokens, Mask]:
        """See `ClipPredictor.complete`."""
        return self.model.complete(tokens, visible)


def _join(clips: Sequence[StoredClips]) -> StoredClips:
    """Clips of one modality, one below the other."""
    persons = [each.person_available for each in clips if each.person_available is not None]
    return StoredClips(
        clip=np.concatenate([each.clip for each in clips]),
        frame_available=np.concatenate([each.frame_available for each in clips]),
        person_available=np.concatenate(persons) if persons else None,
    )

"""Several trainings of one model, asked together (Lakshminarayanan, Pritzel, Blundell, NeurIPS 2017, "deep ensembles").

Trainings that differ in nothing but their seed err on different clips: their mean errs less, at the cost of them all.

Legend: B batch, M modality, T frame, C token of one training, D features of a frame of one training, E trainings,
K classes; R clips that have a modality.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.nn.architectures import SavedModel, find_architecture
from actionmae.nn.parts import Part


class Ensemble(SavedModel):
    """Trainings of one model side by side: log p(class) = (1/E) Σ_e log p_e(class) + constant.

    A slot's token holds those of all trainings, [E · C]. Each training completes its own as it classifies.

    Args:
        trainings: Models of one architecture with the same settings, modalities and classes.

    Raises:
        ValueError: If there are fewer than two, or one differs from the first in more than its weights.
    """

    architecture: ClassVar[str] = "ensemble"

    def __init__(self, trainings: Sequence[SavedModel]) -> None:
        super().__init__()
        if len(trainings) < 2:
            raise ValueError(f"{len(trainings)} training was given: an ensemble needs at least two of one model")
        first = trainings[0]
        for at, each in enumerate(trainings[1:], start=2):
            for word in ("architecture", "modalities", "classes", "supported_subsets"):
                if getattr(each, word) != getattr(first, word):
                    raise ValueError(
                        f"training {at} has other {word.replace('_', ' ')} than the first: an ensemble is of one "
                        "model, trained several times"
                    )
            if each.to_config() != first.to_config():
                raise ValueError(
                    f"training {at} has other settings of its network than the first: an ensemble is of one model, "
                    "trained several times"
                )
        self.modalities, self.classes = first.modalities, first.classes
        self.supported_subsets = first.supported_subsets
        self.trainings = nn.ModuleList(trainings)

    def encode(self, batch: ClipBatch) -> Float[Tensor, "B M EC"]:
        """Tokens of what exists, one training after the other; zero elsewhere."""
        return torch.cat([each.encode(batch) for each in self._each()], dim=2)

    def classify(self, tokens: Float[Tensor, "B M EC"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B K"]:
        """The mean of the trainings' log-probabilities."""
        own = tokens.chunk(len(self.trainings), dim=2)
        logits = [
            each.classify(*each.reconstruct(part, filled)).float() for each, part in zip(self._each(), own, strict=True)
        ]
        return torch.stack([each.log_softmax(dim=1) for each in logits]).mean(dim=0)

    def clip_encoder(self, slot: int) -> "EnsembleEncoder":
        """Those of all trainings."""
        return EnsembleEncoder([each.clip_encoder(slot) for each in self._each()])

    def parts(self) -> list[Part]:
        """Those of the first training."""
        first = next(iter(self._each()))
        return [replace(part, prefix=f"trainings.0.{part.prefix}") for part in first.parts()]

    def to_config(self) -> dict[str, Any]:
        """How many trainings of what."""
        first = next(iter(self._each()))
        return {"trainings": len(self.trainings), "architecture": first.architecture, "config": first.to_config()}

    def _each(self) -> Iterable[SavedModel]:
        return cast("Iterable[SavedModel]", self.trainings)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, modalities: ModalitySet, classes: Sequence[str]) -> "Ensemble":
        """The model that `to_config` describes, with fresh weights."""
        kind = find_architecture(config["architecture"])
        return cls(
            [
                kind.from_config(config["config"], modalities=modalities, classes=classes)
                for _ in range(config["trainings"])
            ]
        )


class EnsembleEncoder(nn.Module):
    """A clip → the token of its slot in an `Ensemble`.

    Args:
        encoders: `SavedModel.clip_encoder` of each training.
    """

    def __init__(self, encoders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    @property
    def streamable(self) -> bool:
        """See `ModalityEncoder.streamable`."""
        return all(bool(getattr(each, "streamable", False)) for each in self.encoders)

    def encode_frames(self, clip: Tensor, **masks: Tensor | None) -> Float[Tensor, "R T ED"]:
        """Features of each frame, one training after the other."""
        return torch.cat([cast("Any", each).encode_frames(clip, **masks) for each in self.encoders], dim=2)

    def encode_time(
        self, features: Float[Tensor, "R T ED"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R EC"]:
        """The token of each clip from its frame features."""
        own = features.chunk(len(self.encoders), dim=2)
        tokens = [
            cast("Any", each).encode_time(part, frame_available=frame_available)
            for each, part in zip(self.encoders, own, strict=True)
        ]
        return torch.cat(tokens, dim=1)

    def forward(self, clip: Tensor, **masks: Tensor | None) -> Float[Tensor, "R EC"]:
        """Token of each clip."""
        return torch.cat([each(clip, **masks) for each in self.encoders], dim=1)

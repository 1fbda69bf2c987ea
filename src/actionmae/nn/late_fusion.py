"""Late fusion of separately trained specialists: the log-probabilities of whatever is present are added.

It costs the same encoders as one model and needs no training for missing sensors: the yardstick for every method.

Legend: B batch, M modality, K classes.
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


class LateFusion(SavedModel):
    """Specialists side by side: log p(class) = Σ_m w_m log p_m(class)^{1/t_m} + constant, over the visible m.

    A slot's token is its specialist's log-probabilities [K], so a subset costs no more than one sum.

    Args:
        specialists: Models of one modality each, with the same classes in the same order; their order is the slots'.
        weights: [M] w, at least 0; None = 1 each.
        temperatures: [M] t, above 0; None = 1 each.

    Raises:
        ValueError: If there is none, one reads several modalities or one that another reads, classes differ, or a
            weight or temperature is out of range.
    """

    architecture: ClassVar[str] = "late_fusion"
    weights: Tensor
    temperatures: Tensor

    def __init__(
        self,
        specialists: Sequence[SavedModel],
        *,
        weights: Sequence[float] | None = None,
        temperatures: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if not specialists:
            raise ValueError("no specialist was given: give at least one model of a single modality")
        for each in specialists:
            if len(each.modalities) > 1:
                raise ValueError(
                    f"a specialist reads {', '.join(each.modalities.names)}: late fusion joins models of one modality"
                )
            if each.classes != specialists[0].classes:
                names = f"{each.modalities.names[0]} and {specialists[0].modalities.names[0]}"
                raise ValueError(f"the specialists of {names} have different classes: train them with the same ones")
        self.modalities = ModalitySet([each.modalities[0] for each in specialists])
        self.classes = specialists[0].classes
        self.specialists = nn.ModuleList(specialists)
        for name, values, low in (("weights", weights, 0.0), ("temperatures", temperatures, 1e-6)):
            numbers = torch.tensor([1.0] * len(specialists) if values is None else list(values))
            if len(numbers) != len(specialists) or not (numbers.isfinite() & (numbers >= low)).all():
                raise ValueError(
                    f"{name} are {numbers.tolist()}: give {len(specialists)} finite numbers of at least {low}"
                )
            self.register_buffer(name, numbers)

    def encode(self, batch: ClipBatch) -> Float[Tensor, "B M K"]:
        """Each specialist's log-probabilities of the clips that it can read; zero elsewhere."""
        columns = []
        for slot, specialist in enumerate(self._each()):
            have = batch.available[:, slot : slot + 1]
            own = _only(batch, self.modalities.names[slot], have)
            out = torch.zeros(len(batch), len(self.classes), device=have.device)
            rows = have[:, 0].nonzero().flatten()
            if len(rows):
                tokens = specialist.encode(own)[rows]
                out = out.index_copy(0, rows, _log_probabilities(specialist, tokens, self.temperatures[slot]))
            columns.append(out)
        return torch.stack(columns, dim=1)

    def classify(self, tokens: Float[Tensor, "B M K"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B K"]:
        """The weighted sum of the log-probabilities that are there: logits of their product."""
        return torch.where(filled[:, :, None], tokens * self.weights[:, None], 0.0).sum(dim=1)

    def clip_encoder(self, slot: int) -> "SpecialistEncoder":
        """One specialist, up to its log-probabilities."""
        return SpecialistEncoder(cast("SavedModel", self.specialists[slot]), self.temperatures[slot])

    def parts(self) -> list[Part]:
        """Those of the specialists."""
        return [
            replace(
                part,
                modality=part.modality or self.modalities.names[slot],
                prefix=f"specialists.{slot}.{part.prefix}",
            )
            for slot, specialist in enumerate(self._each())
            for part in specialist.parts()
        ]

    def to_config(self) -> dict[str, Any]:
        """The architecture of each specialist, in order; weights and temperatures are tensors of the state dict."""
        return {
            "specialists": [{"architecture": each.architecture, "config": each.to_config()} for each in self._each()]
        }

    def _each(self) -> Iterable[SavedModel]:
        return cast("Iterable[SavedModel]", self.specialists)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, modalities: ModalitySet, classes: Sequence[str]) -> "LateFusion":
        """The model that `to_config` describes, with fresh weights."""
        return cls(
            [
                find_architecture(each["architecture"]).from_config(
                    each["config"], modalities=ModalitySet([spec]), classes=classes
                )
                for spec, each in zip(modalities, config["specialists"], strict=True)
            ]
        )


class SpecialistEncoder(nn.Module):
    """A specialist's clip → its log-probabilities, which are the token of a `LateFusion`.

    Args:
        specialist: A model of one modality.
        temperature: Scalar.
    """

    def __init__(self, specialist: SavedModel, temperature: Tensor) -> None:
        super().__init__()
        self.specialist = specialist
        self.encoder = specialist.clip_encoder(0)
        self.register_buffer("temperature", temperature, persistent=False)

    @property
    def streamable(self) -> bool:
        """See `ModalityEncoder.streamable`."""
        return bool(getattr(self.encoder, "streamable", False))

    def encode_frames(self, clip: Tensor, **masks: Tensor | None) -> Float[Tensor, "R T C"]:
        """See `ModalityEncoder.encode_frames`."""
        features: Tensor = cast("Any", self.encoder).encode_frames(clip, **masks)
        return features

    def encode_time(
        self, features: Float[Tensor, "R T C"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R K"]:
        """Log-probabilities of each clip from its frame features."""
        token = cast("Any", self.encoder).encode_time(features, frame_available=frame_available)
        return _log_probabilities(self.specialist, token[:, None], cast("Tensor", self.temperature))

    def forward(self, clip: Tensor, **masks: Tensor | None) -> Float[Tensor, "R K"]:
        """Log-probabilities of each clip."""
        token = self.encoder(clip, **masks)
        return _log_probabilities(self.specialist, token[:, None], cast("Tensor", self.temperature))


def _log_probabilities(
    specialist: SavedModel, tokens: Float[Tensor, "R 1 C"], temperature: Tensor
) -> Float[Tensor, "R K"]:
    visible = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
    logits = specialist.classify(*specialist.reconstruct(tokens, visible)).float()
    return (logits / temperature).log_softmax(dim=1)


def _only(batch: ClipBatch, name: str, have: Bool[Tensor, "B 1"]) -> ClipBatch:
    """The batch as a model of one modality sees it."""
    return ClipBatch(
        clips={key: clip for key, clip in batch.clips.items() if key == name},
        available=have,
        labels=batch.labels,
        sample_ids=batch.sample_ids,
        frame_available={key: mask for key, mask in batch.frame_available.items() if key == name},
        person_available={key: mask for key, mask in batch.person_available.items() if key == name},
    )

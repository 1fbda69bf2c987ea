"""A stream: one modality's encoder with a classifier of its own, as networks of several streams are made of.

Legend: B clips, R clips that have the modality, T frame, C embed_dim, V = T (C + 1), K classes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.tensors import ClipBatch
from actionmae.nn.modality_encoder import ModalityEncoder


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Frame features (Eq. 1) of clips.

    Attributes:
        features: [B, T, C]; zero where a frame does not exist. T = 1 of an encoder of whole clips.
        there: [B, T] True = this frame exists.
    """

    features: Float[Tensor, "B T C"]
    there: Bool[Tensor, "B T"]

    def resampled(self, length: int) -> "Frames":
        """The nearest of the frames at `length` evenly spaced moments of the clip."""
        have = self.features.shape[1]
        if length == have:
            return self
        at = torch.linspace(0, have - 1, length, device=self.there.device).round().long()
        return Frames(features=self.features[:, at], there=self.there[:, at])

    def padded(self, length: int) -> "Frames":
        """With frames that do not exist behind the others."""
        more = length - self.features.shape[1]
        features, there = nn.functional.pad(self.features, (0, 0, 0, more)), nn.functional.pad(self.there, (0, more))
        return Frames(features=features, there=there)

    def detached(self) -> "Frames":
        """Without gradient."""
        return Frames(features=self.features.detach(), there=self.there)

    def where(self, rows: Bool[Tensor, " B"], other: "Frames") -> "Frames":
        """These frames in the rows that are True, the other's elsewhere."""
        return Frames(
            features=torch.where(rows[:, None, None], self.features, other.features),
            there=torch.where(rows[:, None], self.there, other.there),
        )

    def packed(self) -> Float[Tensor, "B V"]:
        """One vector for each clip: behind a frame's features 1 if it exists, else 0."""
        return torch.cat([self.features, self.there[:, :, None].to(self.features.dtype)], dim=2).flatten(1)

    @classmethod
    def unpacked(cls, vectors: Float[Tensor, "B V"], length: int) -> "Frames":
        """The `length` frames of `packed`."""
        frames = vectors.reshape(vectors.shape[0], length, -1)
        return cls(features=frames[:, :, :-1], there=frames[:, :, -1] > 0.5)


class Stream(nn.Module):
    """Clip → frame features → token → logits.

    Args:
        encoder: Of the modality that the stream reads. Its time transformer and the head may be those of another
            modality, whose features it then imagines.
        embed_dim: C.
        num_classes: K.
    """

    def __init__(self, *, encoder: ModalityEncoder, embed_dim: int, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.embed_dim = embed_dim
        self.head = nn.Linear(embed_dim, num_classes)

    def encode_frames(
        self,
        clip: Tensor,
        *,
        frame_available: Bool[Tensor, "R T"] | None = None,
        person_available: Bool[Tensor, "R T P"] | None = None,
    ) -> Frames:
        """Frame features of clips that all have the modality."""
        features = self.encoder.encode_frames(clip, frame_available=frame_available, person_available=person_available)
        return Frames(features=features.float(), there=self.present(features, frame_available))

    def present(
        self, features: Float[Tensor, "R frames C"], frame_available: Tensor | None
    ) -> Bool[Tensor, "R frames"]:
        """Which of the features are those of frames that exist; the feature of a whole clip always is."""
        if frame_available is None or self.encoder.time is None:
            return torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
        return frame_available

    def frames(self, batch: ClipBatch, name: str, available: Bool[Tensor, " B"], length: int) -> Frames:
        """Frame features of a whole batch, `length` of each clip; clips without the modality have none.

        Args:
            batch: Clips after the device transform.
            name: Of the modality that the stream reads.
            available: Which clips have it.
            length: T; a shorter clip gets frames that do not exist.

        Raises:
            ValueError: If a clip that should exist is not there.
        """
        device = available.device
        rows = available.nonzero().flatten()
        empty = Frames(
            features=torch.zeros(len(batch), length, self.embed_dim, device=device),
            there=torch.zeros(len(batch), length, dtype=torch.bool, device=device),
        )
        if len(rows) == 0:
            return empty
        found = self.encode_frames(batch.clip_of(name)[rows], **masks_of(batch, name, rows)).padded(length)
        return Frames(
            features=empty.features.index_copy(0, rows, found.features),
            there=empty.there.index_copy(0, rows, found.there),
        )

    def token(self, frames: Frames) -> Float[Tensor, "B C"]:
        """Eq. 2–4."""
        return self.encoder.encode_time(frames.features, frame_available=frames.there).float()

    def forward(self, frames: Frames) -> Float[Tensor, "B K"]:
        """Logits from frame features."""
        logits: Tensor = self.head(self.token(frames))
        return logits


def masks_of(batch: ClipBatch, name: str, rows: Tensor) -> dict[str, Tensor]:
    """The masks of some clips, as encoders take them."""
    given = {"frame_available": batch.frame_available, "person_available": batch.person_available}
    return {word: masks[name][rows] for word, masks in given.items() if name in masks}

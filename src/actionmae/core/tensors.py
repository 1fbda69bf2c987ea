"""What flows through the system: `ClipBatch` in, `ClassifierOutput` out, and the `SubsetClassifier` contract between.

Shapes: B batch, M modality, T frame, C embed_dim, P person, J joint, L sample of a window, H W pixels.
Masks are bool and True = present, everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from actionmae.core.modality import ModalitySet, ModalitySpec


@dataclass(frozen=True, kw_only=True)
class ClipBatch:
    """B clips, each with whichever of the M modalities exist for it.

    Attributes:
        clips: One tensor per modality; the rows of clips that lack it hold anything (nothing reads them). A modality
            that is not a key is absent for the whole batch. Shapes by kind:
            frames [B, T, C, H, W], uint8 0–255 or uint16 millimetres from the host, float after the device transform;
            joints [B, T, P, J, 3] float, metres; signal [B, T, C, L] float; features [B, T, C] float.
        available: [B, M] True = this modality exists for this clip; columns in the order of the `ModalitySet`.
        labels: [B] class indices; -1 = unknown (prediction).
        sample_ids: B names.
        frame_available: Per modality, [B, T] True = this frame exists; a modality that is not a key has all its frames.
        person_available: Per joints modality, [B, T, P] True = this person is seen in this frame; likewise optional.
        soft_labels: [B, num_classes] probabilities of clips that were blended in training; None = they were not.
    """

    clips: dict[str, Tensor]
    available: Bool[Tensor, "B M"]
    labels: Int64[Tensor, " B"]
    sample_ids: list[str]
    frame_available: dict[str, Tensor] = field(default_factory=dict)
    person_available: dict[str, Tensor] = field(default_factory=dict)
    soft_labels: Float[Tensor, "B num_classes"] | None = None

    @property
    def targets(self) -> Int64[Tensor, " B"] | Float[Tensor, "B num_classes"]:
        """What a cross-entropy compares with: `soft_labels` of blended clips, otherwise `labels`."""
        return self.labels if self.soft_labels is None else self.soft_labels

    def __len__(self) -> int:
        return len(self.sample_ids)

    def clip_of(self, name: str) -> Tensor:
        """The clips of a modality that `available` says exists.

        Raises:
            ValueError: If there are none.
        """
        if name not in self.clips:
            raise ValueError(f"available says that {name} exists but clips has no {name}: add it or clear available")
        return self.clips[name]

    def map(self, move: Callable[[Tensor], Tensor]) -> "ClipBatch":
        """The same batch with `move` applied to every tensor."""
        return replace(
            self,
            clips={name: move(clip) for name, clip in self.clips.items()},
            available=move(self.available),
            labels=move(self.labels),
            frame_available={name: move(mask) for name, mask in self.frame_available.items()},
            person_available={name: move(mask) for name, mask in self.person_available.items()},
            soft_labels=None if self.soft_labels is None else move(self.soft_labels),
        )

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "ClipBatch":
        """Move every tensor to a device."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "ClipBatch":
        """Pin every tensor, so that `to(..., non_blocking=True)` overlaps with computation."""
        return self.map(Tensor.pin_memory)

    def validate(self, modalities: ModalitySet) -> "ClipBatch":
        """Check shapes, dtypes and masks once (collate does); returns itself.

        Raises:
            ValueError: With one sentence naming the field, what it is and what it must be.
        """
        batch = len(self.sample_ids)
        _check("available", self.available, (batch, len(modalities)), torch.bool)
        _check("labels", self.labels, (batch,), torch.int64)
        for name, clip in self.clips.items():
            _check_clip(modalities[modalities.index(name)], clip, batch)
        for slot, name in enumerate(modalities.names):
            if bool(self.available[:, slot].any()):
                self.clip_of(name)
        for field_name in ("frame_available", "person_available"):
            for name, mask in getattr(self, field_name).items():
                if name not in self.clips:
                    raise ValueError(f"{field_name} names {name} but clips has no {name}: remove one or add the other")
                dims = 2 if field_name == "frame_available" else 3
                _check(f"{field_name}[{name}]", mask, tuple(self.clips[name].shape[:dims]), torch.bool)
        missing = (~self.available.any(dim=1)).nonzero().flatten().tolist()
        if missing:
            raise ValueError(f"clip {self.sample_ids[missing[0]]!r} has no modality at all: give at least one")
        return self


def _check(name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    if tuple(tensor.shape) != shape or tensor.dtype != dtype:
        raise ValueError(f"{name} is {tensor.dtype} {tuple(tensor.shape)}: it must be {dtype} {shape}")


def _check_clip(spec: ModalitySpec, clip: Tensor, batch: int) -> None:
    """Rank, rows and frames (fewer than T are a shorter clip); the sizes of one may still change in the transform."""
    rank = 2 + len(spec.shape)
    if clip.ndim != rank or clip.shape[0] != batch or not 1 <= clip.shape[1] <= spec.num_frames:
        raise ValueError(
            f"clips[{spec.name}] has shape {tuple(clip.shape)}: {spec.kind} need [B, T, …] with B = {batch}, "
            f"T from 1 to {spec.num_frames} and {rank} dimensions"
        )
    allowed = (torch.uint8, torch.uint16) if spec.kind == "frames" else ()
    if clip.dtype not in allowed and not clip.is_floating_point():
        wanted = "floating point, uint8 or uint16" if allowed else "floating point"
        raise ValueError(f"clips[{spec.name}] ({spec.kind}) is {clip.dtype}: give {wanted}")


@dataclass(frozen=True, kw_only=True)
class ClassifierOutput:
    """What `MultiModalClassifier.forward` returns.

    Attributes:
        logits: [B, num_classes].
        tokens: [B, M, C] tokens as encoded (z^m); the slots of modalities that do not exist are zero.
        reconstructed: [B, M, C] the decoder's output at every slot (ẑ^m); None without ActionMAE, and where no clip of
            the batch misses anything.
        visible: [B, M] which tokens ActionMAE (or the fusion) was given.
    """

    logits: Float[Tensor, "B num_classes"]
    tokens: Float[Tensor, "B M C"]
    reconstructed: Float[Tensor, "B M C"] | None
    visible: Bool[Tensor, "B M"]


@runtime_checkable
class SubsetClassifier(Protocol):
    """Anything that can be scored on every subset of its modalities: encode once, then two light steps per subset."""

    modalities: ModalitySet

    def encode(self, batch: ClipBatch) -> Float[Tensor, "B M C"]:
        """Tokens of the modalities that exist; zero elsewhere."""
        ...

    def reconstruct(
        self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"]]:
        """Fill what is not visible; returns tokens and which of their slots are filled."""
        ...

    def classify(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Logits from the filled slots."""
        ...


def check_visible(visible: Bool[Tensor, "B M"]) -> None:
    """Refuse rows in which nothing is visible.

    Raises:
        ValueError: Naming the first such row.
    """
    rows = (~visible.any(dim=1)).nonzero().flatten().tolist()
    if rows:
        raise ValueError(
            f"row {rows[0]} of the batch has no visible modality: every clip needs at least one; "
            "drop the clip or show one of its modalities"
        )

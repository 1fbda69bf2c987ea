"""What the methods for a fixed pair share: `PairedStreams`, its stages, losses of the clips that have what is needed.

Legend: B clips, C features, K classes.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Group, Method, Stage
from actionmae.methods.config.pairs import PairConfig
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.losses import masked_mean
from actionmae.nn.paired_streams import PairedStreams

STREAMS = Stage(name="streams", epochs=1, groups={"streams": Group(parts=("model.kept_stream", "model.lost_stream"))})
"""The first stage of all: each stream alone. No parameter is shared, so both are trained side by side."""


class PairMethod(Method):
    """A method that trains `PairedStreams`."""

    model: PairedStreams
    config: PairConfig
    connected: ClassVar[bool] = False

    @classmethod
    def build(
        cls, config: PairConfig, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig
    ) -> "PairMethod":
        """The method around new streams.

        Raises:
            ValueError: If there are not two modalities, none of them is `method.kept`, or the model's settings ask for
                parts that the method does not have.
        """
        if model.action_mae or model.completion or model.token_heads:
            raise ValueError(
                f"method {config.name!r} trains streams with classifiers of their own and fills no tokens: leave "
                "model.action_mae, model.completion and model.token_heads as they are by default"
            )
        try:
            kept = modalities.index(config.kept) if config.kept else 0
        except ValueError as error:
            raise ValueError(f"method.kept: {error}") from None
        streams = PairedStreams(
            modalities=modalities, classes=classes, kept=kept, connected=cls.connected, config=model
        )
        return cls(model=streams, config=config)

    @abstractmethod
    def plan(self) -> tuple[Stage, ...]:
        """The stages in order; `stages` sets their epochs."""

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """The stages of `plan`, each of `epochs` or, where they share them, of a part of them, at least one."""
        plan = self.plan()
        each = epochs if self.config.stage_epochs == "each" else max(epochs // len(plan), 1)
        last = epochs if self.config.stage_epochs == "each" else max(epochs - each * (len(plan) - 1), 1)
        lengths = [*[each] * (len(plan) - 1), last]
        return tuple(
            Stage(name=stage.name, epochs=length, groups=stage.groups, copies=stage.copies)
            for stage, length in zip(plan, lengths, strict=True)
        )

    def hallucination_copies(self) -> Mapping[str, str | Path]:
        """With which weights the hallucination stream begins: the lost stream's, as published.

        Where the two modalities' encoders differ in shape, its space encoder begins with the kept stream's, which reads
        the same clips. Time transformer and classifier read the lost modality's features in either case.
        """
        own, lost = self.model.kept_stream.encoder.space, self.model.lost_stream.encoder.space
        shapes = [{name: value.shape for name, value in each.state_dict().items()} for each in (own, lost)]
        space = "lost_stream" if shapes[0] == shapes[1] else "kept_stream"
        copies: dict[str, str | Path] = {
            "model.hallucination.encoder.space": f"model.{space}.encoder.space",
            "model.hallucination.head": "model.lost_stream.head",
        }
        if self.model.lost_stream.encoder.time is not None:
            copies["model.hallucination.encoder.time"] = "model.lost_stream.encoder.time"
        return copies

    def stream_losses(self, batch: ClipBatch) -> dict[str, Tensor]:
        """Of the first stage: each stream's cross-entropy."""
        model = self.model
        logits = {
            "kept": model.kept_stream(model.kept_frames(batch)),
            "lost": model.lost_stream(model.lost_frames(batch)),
        }
        rows = {"kept": self.has_kept(batch), "lost": self.has_lost(batch)}
        return {name: self.cross_entropy(logits[name], batch.targets, rows[name]) for name in logits}

    def has_kept(self, batch: ClipBatch) -> Bool[Tensor, " B"]:
        """Clips with the kept modality."""
        return batch.available[:, self.model.kept]

    def has_lost(self, batch: ClipBatch) -> Bool[Tensor, " B"]:
        """Clips with the lost modality."""
        return batch.available[:, self.model.lost]

    def cross_entropy(
        self,
        logits: Float[Tensor, "B K"],
        targets: Int64[Tensor, " B"] | Float[Tensor, "B K"],
        rows: Bool[Tensor, " B"],
    ) -> Float[Tensor, ""]:
        """With label smoothing; the mean of the rows that are True, 0 if there are none."""
        each = F.cross_entropy(logits, targets, label_smoothing=self.config.label_smoothing, reduction="none")
        return masked_mean(each, rows)


def sigmoid_distance(features: Float[Tensor, "*B C"], target: Float[Tensor, "*B C"]) -> Float[Tensor, "*B"]:
    """‖σ(target) − σ(features)‖², the hallucination loss of Hoffman et al. 2016; the target comes without gradient."""
    return (target.sigmoid() - features.sigmoid()).square().sum(dim=-1)

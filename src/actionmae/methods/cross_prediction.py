"""Cross prediction: one stream for each modality, whose frame features also tell what every other sensor sees.

Not in the paper. ActionMAE (§3) rebuilds the *token* of a lost modality for a fusion to read; a token is one vector a
clip, and a few hundred clips teach it little. Here every *frame* of a clip is a target, and what is rebuilt is thrown
away: an encoder that had to tell from depth alone where the joints are, and how the wrist turns, has learnt what the
other sensors know before one of them is lost. Related: the other sensors are privileged information, as for Hoffman et
al. (2016) and Garcia et al. (2018), but what is imitated is their input, not another network's features, and there are
no stages.

At test time the streams' logits are added, which is late fusion: the sum of log-probabilities up to a constant. A
single stream's prediction is its own, and the cost is that of the specialists.

Legend: B batch, M modality, T frame, C embed_dim, D numbers of a coarse frame.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.modality import ModalitySpec
from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Method, StepOutput
from actionmae.methods.coarse_frames import coarse_frames, coarse_size, resampled, standardised
from actionmae.methods.config.streams import CrossPredictionConfig
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.fusion import SumFusion
from actionmae.nn.losses import masked_mean, slot_losses


class CrossPrediction(Method):
    """Streams that predict each other's frames, and whose logits are added; universal: yes.

    Args:
        model: With fusion "sum".
        config: The weight of the prediction.
    """

    model: MultiModalClassifier
    config: CrossPredictionConfig
    decides: ClassVar = {"fusion": "sum"}

    def __init__(self, *, model: MultiModalClassifier, config: CrossPredictionConfig) -> None:
        super().__init__(model=model, config=config)
        specs, dim = list(model.modalities), model.config.embed_dim
        self.predictors = nn.ModuleDict(
            {
                _pair(source, target): nn.Sequential(
                    nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, coarse_size(target))
                )
                for source in specs
                for target in specs
                if source is not target
            }
        )

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """Cross-entropy of every stream, and the error of what it tells of the others."""
        fusion = self.model.fusion
        assert isinstance(fusion, SumFusion)
        features = self.model.encode_frames(batch)
        tokens = self.model.encode_time(features, batch)
        logits = fusion.by_slot(tokens, batch.available)
        errors = by_source(self.prediction_errors(features, batch))
        by_clip = slot_losses(logits, batch.targets, batch.available, label_smoothing=self.config.label_smoothing)
        untold = tokens.new_zeros(())
        losses = {
            "cls": masked_mean(by_clip, batch.available),
            "prediction": self.config.prediction_weight * torch.stack([*errors.values()] or [untold]).mean(),
        }
        logs = {f"unexplained_by/{source}": error.detach() for source, error in errors.items()}
        for slot, name in enumerate(self.model.modalities.names):
            there = batch.available[:, slot]
            if bool(there.any()):
                logs[f"cls_of/{name}"] = masked_mean(by_clip[:, slot], there).detach()
        return StepOutput(losses=losses, logs=logs)

    def prediction_errors(
        self, features: Mapping[str, Tensor], batch: ClipBatch
    ) -> dict[tuple[str, str], Float[Tensor, ""]]:
        """By (source, target), the mean square error over the frames that both have; 1 = no better than the mean.

        Args:
            features: Of `MultiModalClassifier.encode_frames`.
            batch: The clips behind them.
        """
        specs = [spec for spec in self.model.modalities if spec.name in features]
        coarse = {spec.name: self._coarse(spec, batch) for spec in specs}
        errors = {}
        for source in specs:
            seen, have = self._spread(source, features[source.name], batch)
            for target in (spec for spec in specs if spec is not source):
                wanted, there = resampled(*coarse[target.name], seen.shape[1])
                wanted = standardised(wanted, there)
                both = have & there
                if bool(both.any()):
                    told = self.predictors[_pair(source, target)](seen[both])
                    errors[source.name, target.name] = (told - wanted[both]).square().mean()
        return errors

    def _coarse(self, spec: ModalitySpec, batch: ClipBatch) -> tuple[Float[Tensor, "B T D"], Bool[Tensor, "B T"]]:
        clip = batch.clips[spec.name]
        have = self._frames(spec, batch, clip.shape[1])
        return coarse_frames(spec, clip), have

    def _spread(
        self, spec: ModalitySpec, features: Float[Tensor, "R T C"], batch: ClipBatch
    ) -> tuple[Float[Tensor, "B T C"], Bool[Tensor, "B T"]]:
        """Features in the rows of the batch, and which of them exist."""
        rows = batch.available[:, self.model.modalities.index(spec.name)]
        whole_clip = features.shape[1] == 1
        have = rows[:, None] if whole_clip else self._frames(spec, batch, features.shape[1])
        spread = features.new_zeros(len(batch), *features.shape[1:])
        return spread.index_copy(0, rows.nonzero().flatten(), features), have

    def _frames(self, spec: ModalitySpec, batch: ClipBatch, num_frames: int) -> Bool[Tensor, "B T"]:
        """Which frames exist; of joints, those in which somebody is seen."""
        have = batch.available[:, self.model.modalities.index(spec.name)][:, None].expand(-1, num_frames)
        if spec.name in batch.frame_available:
            have = have & batch.frame_available[spec.name]
        if spec.name in batch.person_available:
            have = have & batch.person_available[spec.name].any(dim=2)
        return have


def by_source(errors: Mapping[tuple[str, str], Tensor]) -> dict[str, Float[Tensor, ""]]:
    """The mean over the targets of each stream."""
    every: dict[str, list[Tensor]] = {}
    for (source, _), error in errors.items():
        every.setdefault(source, []).append(error)
    return {source: torch.stack(each).mean() for source, each in every.items()}


def _pair(source: ModalitySpec, target: ModalitySpec) -> str:
    return f"{source.name}>{target.name}"

"""Garcia, Morerio, Murino, Modality Distillation with Multiple Stream Networks for Action Recognition, ECCV 2018.

From the publication: four steps (each stream alone; both together, the lost modality's features multiplied into the
kept stream; the hallucination stream learns from the frozen lost stream; kept and hallucination stream together,
connected in the same way); the loss of the third step,

    (1 − α) [(1 − λ) ℓ(y, softmax(f)) + λ ℓ(softmax(f_lost / T), softmax(f))] + α ‖σ(A_lost) − σ(A_hall)‖²,

generalised distillation (Lopez-Paz et al. 2016) with a hallucination loss, where A is the last layer before the logits;
two streams predict by the mean of their logits.

Choices: A is the token (Eq. 2–4), the square is summed over C. The streams are connected once, see
`PairedStreams.connect`. In the fourth step both streams and the connection are trained, the lost stream stays as it is;
both modalities together are then answered by the kept stream as this step leaves it, with true features in place of
imagined ones.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Group, Stage, StepOutput
from actionmae.methods.config.pairs import ModalityDistillationConfig
from actionmae.methods.paired_streams import STREAMS, PairMethod, sigmoid_distance
from actionmae.nn.losses import masked_mean


class ModalityDistillation(PairMethod):
    """The four steps."""

    config: ModalityDistillationConfig
    connected = True

    def plan(self) -> tuple[Stage, ...]:
        """The steps; the lost stream is not trained after the second."""
        pair = {"pair": Group(parts=("model.kept_stream", "model.lost_stream", "model.connection"))}
        student = {"hallucination": Group(parts=("model.hallucination",))}
        both = {"finetune": Group(parts=("model.kept_stream", "model.hallucination", "model.connection"))}
        return (
            STREAMS,
            Stage(name="pair", epochs=1, groups=pair),
            Stage(name="hallucination", epochs=1, groups=student, copies=self.hallucination_copies()),
            Stage(name="finetune", epochs=1, groups=both),
        )

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "finetune", group: str = "finetune") -> StepOutput:
        """The losses of a stage."""
        if stage == "streams":
            return StepOutput(losses=self.stream_losses(batch))
        if stage == "hallucination":
            return StepOutput(losses=self._hallucination(batch))
        model, rows = self.model, self.has_kept(batch)
        if stage == "pair":
            other, rows = model.lost_frames(batch), rows & self.has_lost(batch)
            other_logits = model.lost_stream(other)
        else:
            other = model.imagined_frames(batch)
            other_logits = model.hallucination(other)
        logits = (model.kept_stream(model.connect(model.kept_frames(batch), other)) + other_logits) / 2
        return StepOutput(losses={"cls": self.cross_entropy(logits, batch.targets, rows)})

    def _hallucination(self, batch: ClipBatch) -> dict[str, Tensor]:
        config, teacher, student = self.config, self.model.lost_stream, self.model.hallucination
        with torch.no_grad():
            target = teacher.token(self.model.lost_frames(batch))
            soft = (teacher.head(target) / config.temperature).softmax(dim=1)
        token = student.token(self.model.imagined_frames(batch))
        logits = student.head(token)
        has_kept = self.has_kept(batch)
        both = has_kept & self.has_lost(batch)
        distilled = 1 - config.feature_share
        hard = self.cross_entropy(logits, batch.targets, has_kept)
        return {
            "hard": distilled * (1 - config.soft_share) * hard,
            "soft": distilled * config.soft_share * masked_mean(soft_cross_entropy(logits, soft), both),
            "hallucination": config.feature_share * masked_mean(sigmoid_distance(token, target), both),
        }


def soft_cross_entropy(logits: Float[Tensor, "B K"], soft: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
    """ℓ(s, softmax(f)): the temperature is in the targets s alone (Lopez-Paz et al. 2016, Eq. 5)."""
    return F.cross_entropy(logits, soft, reduction="none")

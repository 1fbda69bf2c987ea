"""Adversarial discriminative modality distillation (ADMD): Garcia, Morerio, Murino, TPAMI 2019.

From the publication: both streams are trained alone and then together; the hallucination stream begins as the lost
stream's copy and plays against a discriminator of the features before the logits, in turn for each batch. The
discriminator tells K + 1 classes apart, the actions for features of the lost modality and "fake" for imagined ones:

    discriminator   ℓ(D(z_lost), y) + ℓ(D(z_hall), K)
    hallucination   ℓ(D(z_hall), y)

so that imagined features are drawn to those of their own class; there is nothing to balance. Two streams predict by the
mean of their logits, without connections.

Choices: features are tokens (Eq. 2–4). The lost stream's classifier reads the imagined ones and stays as it is. The
discriminator is three linear layers with a skip connection, as wide as a token; its labels are not smoothed.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Group, Stage, StepOutput
from actionmae.methods.config.pairs import ADMDConfig
from actionmae.methods.paired_streams import STREAMS, PairMethod
from actionmae.nn.losses import masked_mean
from actionmae.nn.paired_streams import PairedStreams


class ADMD(PairMethod):
    """Streams alone, streams together, hallucination stream against discriminator.

    Args:
        model: The streams.
        config: The method's switches.
    """

    config: ADMDConfig

    def __init__(self, *, model: PairedStreams, config: ADMDConfig) -> None:
        super().__init__(model=model, config=config)
        self.discriminator = Discriminator(model.config.embed_dim, len(model.classes))

    def plan(self) -> tuple[Stage, ...]:
        """The first two stages make what the third imitates."""
        pair = {"pair": Group(parts=("model.kept_stream", "model.lost_stream"))}
        game = {
            "discriminator": Group(parts=("discriminator",)),
            "hallucination": Group(parts=("model.hallucination.encoder",)),
        }
        return (
            STREAMS,
            Stage(name="pair", epochs=1, groups=pair),
            Stage(name="adversarial", epochs=1, groups=game, copies=self.hallucination_copies()),
        )

    def step(
        self, batch: ClipBatch, draws: Draws, *, stage: str = "adversarial", group: str = "hallucination"
    ) -> StepOutput:
        """The losses of a stage and, in the last one, of one of the two players."""
        model, has_kept, has_lost = self.model, self.has_kept(batch), self.has_lost(batch)
        if stage == "streams":
            return StepOutput(losses=self.stream_losses(batch))
        if stage == "pair":
            logits = (model.kept_stream(model.kept_frames(batch)) + model.lost_stream(model.lost_frames(batch))) / 2
            return StepOutput(losses={"cls": self.cross_entropy(logits, batch.targets, has_kept & has_lost)})
        if group == "hallucination":
            judged = self.discriminator(model.hallucination.token(model.imagined_frames(batch)))
            each = F.cross_entropy(judged, self._real(batch), reduction="none")
            return StepOutput(losses={"fool": masked_mean(each, has_kept)})
        with torch.no_grad():
            real = model.lost_stream.token(model.lost_frames(batch))
            imagined = model.hallucination.token(model.imagined_frames(batch))
        fake = torch.full_like(batch.labels, len(model.classes))
        on_real = F.cross_entropy(self.discriminator(real), self._real(batch), reduction="none")
        on_fake = F.cross_entropy(self.discriminator(imagined), fake, reduction="none")
        return StepOutput(losses={"real": masked_mean(on_real, has_lost), "fake": masked_mean(on_fake, has_kept)})

    def _real(self, batch: ClipBatch) -> Int64[Tensor, " B"] | Float[Tensor, "B K1"]:
        """The clips' classes among the K + 1 of the discriminator."""
        return batch.labels if batch.soft_labels is None else F.pad(batch.soft_labels, (0, 1))


class Discriminator(nn.Module):
    """Tokens [B, C] → logits [B, K + 1] of the classes and, last, of "fake".

    Args:
        dim: C.
        num_classes: K.
    """

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.lower = nn.Linear(dim, dim)
        self.upper = nn.Linear(dim, dim)
        self.head = nn.Linear(dim, num_classes + 1)

    def forward(self, tokens: Float[Tensor, "B C"]) -> Float[Tensor, "B K1"]:
        """Logits."""
        hidden = self.lower(tokens).relu()
        logits: Tensor = self.head(hidden + self.upper(hidden).relu())
        return logits

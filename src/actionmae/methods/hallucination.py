"""Hoffman, Gupta, Darrell, Learning with Side Information through Modality Hallucination, CVPR 2016.

From the publication: a third stream on the kept modality whose mid-level features are drawn towards those of the lost
modality's stream, ‖σ(A_lost) − σ(A_hall)‖²; five classification losses, of each stream and of the two pairs that are
fused (kept and lost, kept and imagined), a pair's logits being the mean of its streams'; the lost stream is trained
first and then frozen up to the layer that is mimicked; the weight of the hallucination loss by its rule of thumb.

Choices: the publication detects objects in images; its five losses of boxes have no counterpart here. Mid-level
features are those of frames (Eq. 1), in place of pool5; the time transformer and the classifier are the layers above.
The square is summed over C and averaged over frames and clips.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Group, Stage, StepOutput
from actionmae.methods.config.pairs import HallucinationConfig
from actionmae.methods.paired_streams import STREAMS, PairMethod, sigmoid_distance
from actionmae.nn.losses import masked_mean
from actionmae.nn.paired_streams import PairedStreams
from actionmae.nn.stream import Frames


class Hallucination(PairMethod):
    """Streams alone, then all three jointly.

    Args:
        model: The streams.
        config: The method's switches.
    """

    config: HallucinationConfig
    scale: Tensor
    """γ, the weight of the hallucination loss; 0 until the first joint step with a complete clip sets it. Checkpoints
    keep it."""

    def __init__(self, *, model: PairedStreams, config: HallucinationConfig) -> None:
        super().__init__(model=model, config=config)
        self.register_buffer("scale", torch.zeros(()))

    def plan(self) -> tuple[Stage, ...]:
        """The lost stream's encoder stays as the first stage leaves it: a target that moves could come to meet."""
        upper = ("model.lost_stream.encoder.time", "model.lost_stream.head")
        joint = {"joint": Group(parts=("model.kept_stream", "model.hallucination", *upper))}
        return (STREAMS, Stage(name="joint", epochs=1, groups=joint, copies=self.hallucination_copies()))

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "joint", group: str = "joint") -> StepOutput:
        """The losses of a stage."""
        if stage == "streams":
            return StepOutput(losses=self.stream_losses(batch))
        model = self.model
        lost, imagined = model.lost_frames(batch).detached(), model.imagined_frames(batch)
        kept_logits = model.kept_stream(model.kept_frames(batch))
        lost_logits, imagined_logits = model.lost_stream(lost), model.hallucination(imagined)
        has_kept, has_lost = self.has_kept(batch), self.has_lost(batch)
        both = has_kept & has_lost
        terms = {
            "kept": (kept_logits, has_kept),
            "lost": (lost_logits, has_lost),
            "imagined": (imagined_logits, has_kept),
            "kept_lost": ((kept_logits + lost_logits) / 2, both),
            "kept_imagined": ((kept_logits + imagined_logits) / 2, has_kept),
        }
        cls = {name: self.cross_entropy(logits, batch.targets, rows) for name, (logits, rows) in terms.items()}
        distance = masked_mean(frame_distance(imagined, lost), both)
        if self.scale == 0 and bool(both.any()):
            mean = torch.stack(list(cls.values())).mean()
            self.scale.copy_(self.config.hallucination_weight * (mean / distance.clamp(min=1e-6)).detach())
        losses = {name: self.config.cls_weight * loss for name, loss in cls.items()}
        losses["hallucination"] = self.scale * distance
        return StepOutput(losses=losses, logs={"hallucination_distance": distance.detach()})


def frame_distance(imagined: Frames, lost: Frames) -> Float[Tensor, " B"]:
    """Mean sigmoid distance over the frames that both have, for each clip; 0 if there are none."""
    both = imagined.there & lost.there
    distance = torch.where(both, sigmoid_distance(imagined.features, lost.features), 0.0)
    return distance.sum(dim=1) / both.sum(dim=1).clamp(min=1)

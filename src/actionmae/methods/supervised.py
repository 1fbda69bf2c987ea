"""The three methods that train one model end to end: plain, with modality dropout, and ActionMAE (Eq. 6).

They differ in two things only: whether modalities are dropped, and whether what was dropped is a target of Eq. 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from jaxtyping import Bool
from torch import Generator, Tensor, nn

from actionmae.core.dropping import sample_visible
from actionmae.core.subsets import Subset, all_subsets
from actionmae.core.tensors import ClassifierOutput, ClipBatch
from actionmae.methods.config import MethodConfig
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import classification_loss, reconstruction_loss, token_classification_loss


@dataclass(frozen=True, kw_only=True)
class StepOutput:
    """What one training step computed.

    Attributes:
        losses: Weighted scalar terms; their sum is minimised (Eq. 6).
        output: The model's output.
        logs: Further numbers to record, detached scalars.
    """

    losses: dict[str, Tensor]
    output: ClassifierOutput
    logs: dict[str, Tensor] = field(default_factory=dict)


class Supervised(nn.Module):
    """Batch → `StepOutput` for plain training, modality dropout and ActionMAE.

    Args:
        model: What is trained.
        config: Which method, with its weights.

    Raises:
        ValueError: If method and model do not fit each other.
    """

    def __init__(self, *, model: MultiModalClassifier, config: MethodConfig) -> None:
        super().__init__()
        if config.name is None:
            config = replace(config, name="plain" if model.action_mae is None else "action_mae")
        if (config.name == "action_mae") != (model.action_mae is not None):
            raise ValueError(
                f"method {config.name!r} does not fit a model with action_mae {model.config.action_mae}: "
                "set method.name action_mae and model.action_mae true together"
            )
        if (config.token_weight > 0) != (model.token_heads is not None):
            raise ValueError(
                f"method.token_weight {config.token_weight} does not fit model.token_heads {model.config.token_heads}: "
                "give a positive weight and token_heads true together"
            )
        self.model = model
        self.config = config

    @property
    def supported_subsets(self) -> list[Subset]:
        """Subsets for which the trained model predicts: all."""
        return all_subsets(len(self.model.modalities))

    def step(self, batch: ClipBatch, generator: Generator) -> StepOutput:
        """One forward pass with its losses.

        Args:
            batch: Labelled clips after the device transform.
            generator: CPU generator that decides what is dropped.
        """
        config = self.config
        visible = batch.available
        if config.name != "plain":
            visible = sample_visible(visible, generator=generator, per=config.drop_per, draw=config.drop_draw)
        output: ClassifierOutput = self.model(batch, visible)
        smoothing = config.label_smoothing
        losses = {
            "cls": config.cls_weight * classification_loss(output.logits, batch.labels, label_smoothing=smoothing)
        }
        logs = missing_rates(self.model.modalities.names, batch.available, visible)
        if output.reconstructed is not None:
            losses["rec"] = config.rec_weight * reconstruction_loss(
                output.reconstructed,
                output.tokens,
                batch.available & ~visible,
                detach_target=config.detach_target,
                reduction=config.rec_reduction,
                normalize_target=config.normalize_target,
            )
            logs |= reconstruction_quality(output, batch)
        if config.token_weight > 0:
            token_logits = self.model.classify_tokens(output.tokens, batch.available)
            losses["token"] = config.token_weight * token_classification_loss(
                token_logits, batch.labels, batch.available, label_smoothing=smoothing
            )
        return StepOutput(losses=losses, output=output, logs=logs)


def missing_rates(
    names: Sequence[str], available: Bool[Tensor, "B M"], visible: Bool[Tensor, "B M"]
) -> dict[str, Tensor]:
    """Share of the batch's clips, 0–1, that lack a modality, and that lack it after dropping."""
    rates = {"missing": available, "missing_after_dropping": visible}
    return {
        f"{word}/{name}": 1 - mask[:, slot].float().mean()
        for word, mask in rates.items()
        for slot, name in enumerate(names)
    }


def reconstruction_quality(output: ClassifierOutput, batch: ClipBatch) -> dict[str, Tensor]:
    """Is Eq. 5 solved, or only small? Mean ‖z‖, and the error divided by that of predicting the batch's mean token.

    A ratio near 1 means that the decoder does no better than a constant. Both are over the tokens that exist;
    the ratio is over the dropped ones, and 0 when none was dropped or all dropped ones are the mean itself.
    """
    tokens = output.tokens.detach()
    have = batch.available[:, :, None]
    dropped = batch.available & ~output.visible
    count = batch.available.sum(dim=0).clamp(min=1)[:, None]
    mean = tokens.where(have, tokens.new_zeros(())).sum(dim=0) / count  # [M, C]
    assert output.reconstructed is not None
    error = (output.reconstructed.detach() - tokens).square().mean(dim=2)
    spread = (mean - tokens).square().mean(dim=2)
    zero = tokens.new_zeros(())
    error, spread = error.where(dropped, zero).sum(), spread.where(dropped, zero).sum()
    ratio = (error / spread).where(spread > 1e-6, zero)
    norm = tokens.norm(dim=2).where(batch.available, zero).sum() / batch.available.sum().clamp(min=1)
    return {"token_norm": norm, "rec_error_ratio": ratio}


def build_method(config: MethodConfig, model: MultiModalClassifier) -> Supervised:
    """The method that `config` names, around `model`.

    Raises:
        ValueError: If they do not fit each other.
    """
    return Supervised(model=model, config=config)

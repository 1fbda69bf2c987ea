"""The three methods that train one model end to end: plain, with modality dropout, and ActionMAE (Eq. 6).

They differ in two things only: whether modalities are dropped, and whether what was dropped is a target of Eq. 5.
"""

from collections.abc import Sequence

from jaxtyping import Bool
from torch import Tensor

from actionmae.core.choices import Dropped
from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClassifierOutput, ClipBatch
from actionmae.methods.base import Draws, Method, StepOutput, own_model
from actionmae.methods.config import ActionMAEConfig, ModalityDropoutConfig, PlainConfig
from actionmae.methods.shared import draw_visible
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.losses import classification_loss, reconstruction_loss, token_classification_loss


class Supervised(Method):
    """Plain training, modality dropout and ActionMAE, by the class of the configuration.

    Args:
        model: What is trained.
        config: Which method, with its weights.

    Raises:
        ValueError: If method and model do not fit each other.
    """

    model: MultiModalClassifier
    config: PlainConfig

    def __init__(self, *, model: MultiModalClassifier, config: PlainConfig) -> None:
        super().__init__(model=model, config=config)
        wants = isinstance(config, ActionMAEConfig)
        if wants != (model.action_mae is not None):
            raise ValueError(
                f"method {config.name!r} trains a model {'with' if wants else 'without'} ActionMAE: "
                f"build it with action_mae={wants}, or choose another method"
            )
        if (config.token_weight > 0) != (model.token_heads is not None):
            raise ValueError(
                f"method.token_weight is {config.token_weight} but the model has {'no ' * (model.token_heads is None)}"
                "token heads: give a weight above 0 and token_heads=True together"
            )

    @classmethod
    def build(
        cls, config: PlainConfig, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig
    ) -> "Supervised":
        """A `MultiModalClassifier` with what the method needs: ActionMAE, token heads.

        Raises:
            ValueError: If the model's settings ask for parts that the method would not train.
        """
        if model.token_heads and config.token_weight == 0:
            raise ValueError("model.token_heads is true but method.token_weight is 0: give a weight, or leave them out")
        parts = {"action_mae": isinstance(config, ActionMAEConfig), "token_heads": config.token_weight > 0}
        network = own_model(config.name, modalities=modalities, classes=classes, model=model, **parts)
        return cls(model=network, config=config)

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """One forward pass with its losses (Eq. 6)."""
        config = self.config
        visible = batch.available
        if isinstance(config, ModalityDropoutConfig):
            visible = draw_visible(visible, config, draws)
        output = self.model(batch, visible, dropped=self._dropped())
        smoothing = config.label_smoothing
        losses = {
            "cls": config.cls_weight * classification_loss(output.logits, batch.targets, label_smoothing=smoothing)
        }
        logs = missing_rates(self.model.modalities.names, batch.available, visible)
        if isinstance(config, ActionMAEConfig):
            losses["rec"] = config.rec_weight * self._reconstruction(config, output, batch)
            logs |= reconstruction_quality(output, batch)
        if config.token_weight > 0:
            token_logits = self.model.classify_tokens(output.tokens, batch.available)
            losses["token"] = config.token_weight * token_classification_loss(
                token_logits, batch.targets, batch.available, label_smoothing=smoothing
            )
        return StepOutput(losses=losses, output=output, logs=logs)

    def _dropped(self) -> Dropped:
        """What the losses need of a modality that the whole batch drops."""
        config = self.config
        if config.token_weight > 0 or not isinstance(config, ModalityDropoutConfig):
            return "encode"
        if isinstance(config, ActionMAEConfig):
            return "detach" if config.detach_target else "encode"
        return "skip"

    def _reconstruction(self, config: ActionMAEConfig, output: ClassifierOutput, batch: ClipBatch) -> Tensor:
        """Eq. 5; without gradient where nothing was rebuilt."""
        reconstructed = output.reconstructed
        if reconstructed is None:
            return output.tokens.new_zeros(())
        if config.rec_gradient == "action_mae":
            assert self.model.action_mae is not None
            reconstructed = self.model.action_mae(output.tokens.detach(), output.visible).reconstructed
        return reconstruction_loss(
            reconstructed,
            output.tokens,
            batch.available & ~output.visible,
            detach_target=config.detach_target,
            reduction=config.rec_reduction,
            normalize_target=config.normalize_target,
        )


def missing_rates(
    names: Sequence[str], available: Bool[Tensor, "B M"], visible: Bool[Tensor, "B M"]
) -> dict[str, Tensor]:
    """Fraction of the batch's clips, 0–1, that lack a modality, and that lack it after dropping."""
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
    zero = tokens.new_zeros(())
    norm = tokens.norm(dim=2).where(batch.available, zero).sum() / batch.available.sum().clamp(min=1)
    if output.reconstructed is None:
        return {"token_norm": norm, "rec_error_ratio": zero}
    dropped = batch.available & ~output.visible
    count = batch.available.sum(dim=0).clamp(min=1)[:, None]
    mean = tokens.where(have, zero).sum(dim=0) / count  # [M, C]
    error = (output.reconstructed.detach() - tokens).square().mean(dim=2)
    spread = (mean - tokens).square().mean(dim=2)
    error, spread = error.where(dropped, zero).sum(), spread.where(dropped, zero).sum()
    ratio = (error / spread).where(spread > 1e-6, zero)
    return {"token_norm": norm, "rec_error_ratio": ratio}

"""Missing modality imagination network: a cascade of residual autoencoders imagines tokens, and another goes back.

Zhao, Li, Jin, *Missing Modality Imagination Network for Emotion Recognition with Uncertain Missing Modalities* (ACL
2021).

From the paper: encoders are trained on complete clips first; a cascade of residual autoencoders maps the visible
embeddings, zeros elsewhere, to the missing ones; a second cascade maps the result back to the visible ones (cycle
consistency); both distances are squared, and a cross-entropy is added. Choices: the fusion classifies visible and
imagined tokens (theirs reads the autoencoders' latent vectors); the targets are the tokens of the encoders that are
being trained, without gradient (theirs come from a frozen copy); how modalities are dropped.
"""

from typing import ClassVar

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Group, Method, Stage, StepOutput
from actionmae.methods.config.imagination import MMINConfig
from actionmae.methods.shared import draw_visible, in_two
from actionmae.nn.cascaded_autoencoder import Cascade
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import classification_loss, reconstruction_loss


class MMIN(Method):
    """Imagined tokens with cycle consistency; universal: yes.

    Args:
        model: With completion "cascaded_autoencoder".
        config: Weights, epochs and drawing.
    """

    model: MultiModalClassifier
    config: MMINConfig
    decides: ClassVar = {"completion": "cascaded_autoencoder"}

    def __init__(self, *, model: MultiModalClassifier, config: MMINConfig) -> None:
        super().__init__(model=model, config=config)
        self.way_back = Cascade(num_modalities=len(model.modalities), dim=model.config.embed_dim)

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """Encoders and fusion on complete clips, then everything."""
        complete = {"complete": Group(parts=("model.encoders", "model.fusion"))}
        return in_two(epochs, "complete", "imagine", fraction=self.config.complete_fraction, trained=complete)

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "imagine", group: str = "all") -> StepOutput:
        """Cross-entropy; in the second stage the distances there and back."""
        config, have = self.config, batch.available
        if stage == "complete":
            logits = self.model.classify(self.model.encode(batch), have)
            cls = classification_loss(logits, batch.targets, label_smoothing=config.label_smoothing)
            return StepOutput(losses={"cls": cls})
        output = self.model(batch, draw_visible(have, config, draws))
        cls = classification_loss(output.logits, batch.targets, label_smoothing=config.label_smoothing)
        losses = {"cls": cls}
        if output.reconstructed is not None:
            there, tokens = output.reconstructed, output.tokens
            back = self.way_back(there)
            losses["imagination"] = config.imagination_weight * reconstruction_loss(
                there, tokens, have & ~output.visible
            )
            losses["cycle"] = config.cycle_weight * reconstruction_loss(back, tokens, output.visible)
        return StepOutput(losses=losses, output=output)

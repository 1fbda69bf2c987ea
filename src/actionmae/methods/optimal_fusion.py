"""All modalities and each alone as tasks of one model, and a search of the layer where they meet.

Ma, Ren, Zhao, Testuggine, Peng, *Are Multimodal Transformers Robust to Missing Modality?* (CVPR 2022).

From the paper: the cross-entropies of all modalities and of each alone are optimised together; the best fusion strategy
differs from data set to data set, so the layer where modalities meet is searched. Choices: the layers are those of the
fusion over one token per modality (theirs is a transformer over all words and patches); the search is a softmax over
the strategies, trained with the other weights (theirs is a policy that draws them), after which the best one alone is
trained on; all tasks share one head.
"""

from typing import ClassVar

import torch

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Method, Stage, StepOutput
from actionmae.methods.config.subsets import OptimalFusionConfig
from actionmae.methods.shared import in_two
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import classification_loss, token_classification_loss
from actionmae.nn.searched_fusion import SearchedFusion


class OptimalFusion(Method):
    """Multi-task training of a searched fusion; universal: yes, though sets of several, but not all, are not trained.

    Args:
        model: With fusion "searched".
        config: Weight and epochs.
    """

    model: MultiModalClassifier
    config: OptimalFusionConfig
    decides: ClassVar = {"fusion": "searched"}

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """Search, then train what was found."""
        return in_two(epochs, "search", "train", fraction=self.config.search_fraction)

    def begin(self, stage: Stage) -> None:
        """Decide for the best strategy after the search."""
        super().begin(stage)
        self._fusion.decided.fill_(stage.name == "train")

    def enter(self, stage: Stage, *, frozen: frozenset[str] = frozenset()) -> None:
        """What is decided is not trained."""
        super().enter(stage, frozen=frozen)
        if self._fusion.decided:
            self._fusion.strategy.requires_grad = False

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        """Cross-entropy of everything that a clip has, and of each modality alone."""
        config, have = self.config, batch.available
        tokens = self.model.encode(batch)
        full = classification_loss(
            self.model.classify(tokens, have), batch.targets, label_smoothing=config.label_smoothing
        )
        only = torch.eye(have.shape[1], dtype=torch.bool, device=have.device)
        alone = [self.model.classify(tokens, one.expand_as(have)) for one in only]
        single = token_classification_loss(
            torch.stack(alone, dim=1), batch.targets, have, label_smoothing=config.label_smoothing
        )
        weights = self._fusion.weights().detach()
        return StepOutput(
            losses={"cls": full, "single": config.single_weight * single},
            logs={f"meet_at/{level}": weight for level, weight in enumerate(weights)},
        )

    @property
    def _fusion(self) -> SearchedFusion:
        assert isinstance(self.model.fusion, SearchedFusion)
        return self.model.fusion

"""Graph distillation: each stream imitates the others, weighted by edges that are learnt with it.

Luo, Hsieh, Jiang, Niebles, Fei-Fei, *Graph Distillation for Action Detection with Privileged Modalities* (ECCV 2018).

From the paper: one stream per modality, trained alone first; then every stream k minimises its cross-entropy and
Σ_j G_{j→k} d(j, k). A small network computes G clip by clip from features and logits of both streams, with a softmax
over the sources j; d compares representations (cosine) and soft targets; sources get no gradient of it; at test time a
stream predicts alone. Choices: all streams are targets at once, the tokens are the representations, the graph does not
move the streams that it looks at, edges run only between modalities that a clip has, several streams are averaged, and
the sizes of the graph, the weights and the temperatures.

Legend: B batch, M modality, C embed_dim, K classes; edges are [target, source].
"""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.tensors import ClipBatch
from actionmae.methods.base import Draws, Group, Method, Stage, StepOutput
from actionmae.methods.config.streams import GraphDistillationConfig
from actionmae.methods.shared import in_two
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.losses import masked_mean, slot_losses, soft_target_loss
from actionmae.nn.stream_fusion import AverageFusion

_EDGE_DIM = 32
"""Width of what the graph sees of a stream's features, and of its logits."""


class Graph(nn.Module):
    """Edge weights from features and logits of both ends.

    Args:
        dim: C.
        num_classes: K.
        temperature: Of the softmax over the sources.
    """

    def __init__(self, *, dim: int, num_classes: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.features, self.logits = nn.Linear(dim, _EDGE_DIM), nn.Linear(num_classes, _EDGE_DIM)
        self.target, self.source = nn.Linear(2 * _EDGE_DIM, _EDGE_DIM), nn.Linear(2 * _EDGE_DIM, _EDGE_DIM)
        self.edge = nn.Linear(_EDGE_DIM, 1)

    def forward(
        self, tokens: Float[Tensor, "B M C"], logits: Float[Tensor, "B M K"], edges: Bool[Tensor, "B M M"]
    ) -> Float[Tensor, "B M M"]:
        """Weights ≥ 0 that add up to 1 over the sources of each target that has any, else 0."""
        seen = torch.cat([self.features(tokens), self.logits(logits)], dim=2)
        pairs = self.target(seen)[:, :, None] + self.source(seen)[:, None]  # [B, M, M, width]
        scores = self.edge(pairs.tanh()).squeeze(3)
        scores = torch.where(edges, scores / self.temperature, torch.finfo(scores.dtype).min)
        return torch.where(edges, scores.softmax(dim=2), 0.0)


class GraphDistillation(Method):
    """Streams that imitate each other and are averaged; universal: yes.

    Args:
        model: With fusion "average".
        config: Weights, temperatures and epochs.
    """

    model: MultiModalClassifier
    config: GraphDistillationConfig
    decides: ClassVar = {"fusion": "average"}

    def __init__(self, *, model: MultiModalClassifier, config: GraphDistillationConfig) -> None:
        super().__init__(model=model, config=config)
        self.graph = Graph(
            dim=model.config.embed_dim, num_classes=len(model.classes), temperature=config.edge_temperature
        )

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """The streams alone, then with the graph."""
        alone = {"streams": Group(parts=("model",))}
        return in_two(epochs, "streams", "distil", fraction=self.config.streams_fraction, trained=alone)

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "distil", group: str = "all") -> StepOutput:
        """Cross-entropy of every stream and, in the second stage, imitation along the edges."""
        fusion, config, have = self.model.fusion, self.config, batch.available
        assert isinstance(fusion, AverageFusion)
        tokens = self.model.encode(batch)
        logits = fusion.by_slot(tokens, have)
        hard = slot_losses(logits, batch.targets, have, label_smoothing=config.label_smoothing)
        losses = {"cls": masked_mean(hard, have)}
        if stage == "streams":
            return StepOutput(losses=losses)
        num_modalities = have.shape[1]
        others = ~torch.eye(num_modalities, dtype=torch.bool, device=have.device)
        edges = have[:, :, None] & have[:, None, :] & others
        weights = self.graph(tokens.detach(), logits.detach(), edges)
        targets = edges.any(dim=2)
        distances = {
            "token_imitation": config.token_imitation_weight * cosine_distances(tokens),
            "soft": config.soft_weight * _soft_distances(logits, config.temperature),
        }
        for name, distance in distances.items():
            losses[name] = masked_mean((weights * distance).sum(dim=2), targets)
        used = weights.detach().sum(dim=1)  # [B, M]
        names = self.model.modalities.names
        return StepOutput(losses=losses, logs={f"teaches/{name}": used[:, m].mean() for m, name in enumerate(names)})


def cosine_distances(tokens: Float[Tensor, "B M C"]) -> Float[Tensor, "B M M"]:
    """1 − cos(z^k, z^j) of target k and source j, 0–2; sources get no gradient."""
    unit = nn.functional.normalize(tokens, dim=2)
    return 1 - unit @ unit.detach().transpose(1, 2)


def _soft_distances(logits: Float[Tensor, "B M K"], temperature: float) -> Float[Tensor, "B M M"]:
    num_modalities = logits.shape[1]
    students = logits[:, :, None].expand(-1, -1, num_modalities, -1)
    teachers = logits[:, None].expand(-1, num_modalities, -1, -1)
    return soft_target_loss(students, teachers, temperature=temperature)

"""The smallest honest `SubsetClassifier`, and scores with chosen hits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset
from actionmae.core.tensors import ClipBatch
from actionmae.evaluation import SubsetScores
from helpers.builders import tiny_batch, tiny_modalities

RDI = tiny_modalities("rgb", "depth", "ir")


class FakeClassifier(nn.Module):
    """Tokens project the mean of a clip's frames; a missing token becomes the mean of the visible ones."""

    def __init__(self, modalities: ModalitySet, num_classes: int = 5, embed_dim: int = 8) -> None:
        super().__init__()
        self.modalities = modalities
        self.classes = tuple(f"class {at}" for at in range(num_classes))
        self.project = nn.ModuleList(nn.LazyLinear(embed_dim) for _ in modalities)
        self.head = nn.Linear(len(modalities) * embed_dim, num_classes)
        self.norm = nn.BatchNorm1d(num_classes)  # gives other logits in train mode
        self.encodings = 0
        for spec, layer in zip(modalities, self.project, strict=True):
            layer(torch.zeros(1, int(np.prod(spec.shape))))

    def encode(self, batch: ClipBatch) -> Tensor:
        self.encodings += 1
        tokens = []
        for slot, (spec, layer) in enumerate(zip(self.modalities, self.project, strict=True)):
            clip = batch.clips[spec.name].flatten(2)  # [B, T, …]
            seen = batch.frame_available.get(spec.name, torch.ones(clip.shape[:2], dtype=torch.bool))
            mean = torch.where(seen[..., None], clip, 0).sum(1) / seen.sum(1, keepdim=True).clamp(min=1)
            tokens.append(torch.where(batch.available[:, slot, None], layer(mean), 0))
        return torch.stack(tokens, dim=1)

    def reconstruct(self, tokens: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        assert visible.any(dim=1).all()
        seen = visible[..., None]
        mean = torch.where(seen, tokens, 0).sum(1, keepdim=True) / seen.sum(1, keepdim=True)
        return torch.where(seen, tokens, mean), torch.ones_like(visible)

    def classify(self, tokens: Tensor, filled: Tensor) -> Tensor:
        return self.norm(self.head(torch.where(filled[..., None], tokens, 0).flatten(1)))

    def forward(self, batch: ClipBatch, visible: Tensor) -> Tensor:
        return self.classify(*self.reconstruct(self.encode(batch), visible))


def mixed_batches(count: int = 2, size: int = 7) -> list[ClipBatch]:
    """Batches of `RDI` with mixed missingness and unique sample ids."""
    out = []
    for at in range(count):
        batch = tiny_batch(RDI, size, seed=at)
        out.append(replace(batch, sample_ids=[f"b{at}-{row}" for row in range(size)]))
    return out


def chosen_scores(
    modalities: ModalitySet,
    hits: Mapping[Subset, Sequence[bool]],
    *,
    labels: Sequence[int] | None = None,
    subjects: Sequence[str] | None = None,
    available: np.ndarray | None = None,
    num_classes: int = 6,
) -> SubsetScores:
    """Scores in which clip i is right under subset S exactly where hits[S][i], else taken for the next class."""
    n = len(next(iter(hits.values())))
    truth = np.array(labels if labels is not None else [at % num_classes for at in range(n)], dtype=np.int64)
    have = np.ones((n, len(modalities)), dtype=bool) if available is None else available
    logits = {}
    for subset, right in hits.items():
        predicted = np.where(right, truth, (truth + 1) % num_classes)
        table = np.zeros((n, num_classes), dtype=np.float32)
        table[np.arange(n), predicted] = 1
        table[~have[:, list(subset)].all(axis=1)] = np.nan
        logits[subset] = table
    return SubsetScores(
        modalities=modalities,
        classes=tuple(f"class {at}" for at in range(num_classes)),
        sample_ids=tuple(f"clip{at:05d}" for at in range(n)),
        subjects=tuple(subjects or [""] * n),
        labels=truth,
        available=have,
        logits=logits,
    )

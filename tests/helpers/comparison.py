"""Methods of the comparison on a tiny model: built by name, stepped, trained stage by stage."""

from typing import Any

import torch

from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws, Method, build_method, method_config
from actionmae.nn import ClassifierConfig
from helpers.builders import tiny_batch
from helpers.tiny_models import WIDTH, vectors


def build(name: str, **fields: Any) -> Method:
    """A method on three modalities of features and five classes, in training mode."""
    torch.manual_seed(0)
    config = ClassifierConfig(**WIDTH | {"fusion_depth": 1})
    return build_method(
        method_config({"name": name, **fields}), modalities=vectors(), classes=tuple("abcde"), model=config
    )


def full_batch(rows: int = 8) -> ClipBatch:
    """Clips that have everything."""
    return tiny_batch(vectors(), rows, available=torch.ones(rows, 3, dtype=torch.bool))


def train_all_stages(method: Method, batch: ClipBatch, *, epochs: int) -> dict[str, list[float]]:
    """Every stage with every group, one step an epoch; the sums of the losses by stage."""
    history: dict[str, list[float]] = {}
    for stage in method.stages(epochs):
        method.begin(stage)
        method.enter(stage)
        for word, group in stage.groups.items():
            assert any(group.has(name) for name, _ in method.named_parameters()), word
        optimizers = {
            word: torch.optim.AdamW([each for name, each in method.named_parameters() if group.has(name)], lr=3e-3)
            for word, group in stage.groups.items()
        }
        for step in range(stage.epochs):
            for word, optimizer in optimizers.items():
                optimizer.zero_grad()
                losses = method.step(batch, Draws.from_seed(step), stage=stage.name, group=word).losses
                total = torch.stack(list(losses.values())).sum()
                total.backward()
                optimizer.step()
                history.setdefault(stage.name, []).append(float(total.detach()))
    return history

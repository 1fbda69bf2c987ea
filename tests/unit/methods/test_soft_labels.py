"""Blended clips (mixup) in every method: soft labels that are certain are hard ones, others count by their share."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws, Method, build_method, method_config
from actionmae.methods.config import METHODS
from actionmae.nn import ClassifierConfig
from actionmae.nn.losses import slot_losses
from helpers.builders import tiny_batch
from helpers.tiny_models import VECTORS, WIDTH

PAIRS = ("hallucination", "modality_distillation", "admd")


def _losses(method: Method, batch: ClipBatch) -> dict[str, Tensor]:
    """Of all stages and groups, without dropout."""
    found = {}
    for stage in method.stages(4):
        method.begin(stage)
        method.enter(stage)
        method.eval()
        for word in stage.groups:
            torch.manual_seed(0)
            step = method.step(batch, Draws.from_seed(0), stage=stage.name, group=word)
            found |= {f"{stage.name}/{word}/{name}": loss.detach() for name, loss in step.losses.items()}
    return found


@pytest.mark.parametrize("name", sorted(METHODS))
def test_certain_soft_labels_are_hard_ones(name: str) -> None:
    torch.manual_seed(0)
    modalities = ModalitySet(VECTORS[:2] if name in PAIRS else VECTORS)
    model = ClassifierConfig(**WIDTH | {"fusion_depth": 1})
    method = build_method(method_config({"name": name}), modalities=modalities, classes=tuple("abcde"), model=model)
    batch = tiny_batch(method.model.modalities, 8, available=torch.ones(8, len(modalities), dtype=torch.bool))
    soft = replace(batch, soft_labels=F.one_hot(batch.labels, 5).float())
    other = replace(batch, soft_labels=F.one_hot((batch.labels + 1) % 5, 5).float())
    hard, certain, wrong = (_losses(method, each) for each in (batch, soft, other))
    assert hard.keys() == certain.keys()
    torch.testing.assert_close(certain, hard)
    assert any(not torch.equal(hard[key], wrong[key]) for key in hard)


def test_soft_labels_count_by_their_share() -> None:
    logits, available = torch.randn(4, 3, 5), torch.rand(4, 3) > 0.3
    one, two = torch.randint(5, (4,)), torch.randint(5, (4,))
    share = torch.rand(4)
    soft = share[:, None] * F.one_hot(one, 5) + (1 - share)[:, None] * F.one_hot(two, 5)
    wanted = share[:, None] * slot_losses(logits, one, available) + (1 - share)[:, None] * slot_losses(
        logits, two, available
    )
    torch.testing.assert_close(slot_losses(logits, soft, available), wanted)

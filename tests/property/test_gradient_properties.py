"""Whom each loss teaches (§3.2), and that the subset table is made of the same forward passes."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from actionmae.core.subsets import all_subsets
from actionmae.inference import score_subsets
from actionmae.nn.losses import classification_loss, reconstruction_loss
from helpers.builders import tiny_batch
from helpers.tiny_models import tiny_classifier, vectors

FUSIONS = ("sum", "concat", "transformer")


def largest(module: nn.Module | Tensor) -> float:
    """Largest absolute gradient; 0 where nothing arrived."""
    parameters = [module] if isinstance(module, Tensor) else list(module.parameters())
    return max((float(value.grad.abs().max()) for value in parameters if value.grad is not None), default=0.0)


def losses(visible: Tensor, *, detach_target: bool = True) -> tuple[nn.Module, Tensor, Tensor]:
    model = tiny_classifier(vectors(), action_mae=True).train()
    batch = tiny_batch(vectors(), len(visible), available=torch.ones(len(visible), 3, dtype=torch.bool))
    out = model(batch, visible)
    dropped = batch.available & ~visible
    if out.reconstructed is None:
        return model, classification_loss(out.logits, batch.labels), torch.zeros(())
    rec = reconstruction_loss(out.reconstructed, out.tokens, dropped, detach_target=detach_target)
    return model, classification_loss(out.logits, batch.labels), rec


def visible_row(*row: bool) -> Tensor:
    return torch.tensor([row] * 4)


def test_reconstruction_teaches_memory_and_dummies() -> None:
    model, _, rec = losses(visible_row(True, False, True))
    rec.backward()
    assert largest(model.action_mae.memory_token) > 0
    assert largest(model.action_mae.dummy_token) > 0
    assert largest(model.fusion) == 0


@pytest.mark.parametrize("detach_target", [True, False])
def test_the_target_is_taught_only_when_asked(detach_target: bool) -> None:
    """The dropped modality's encoder reaches Eq. 5 through its target alone."""
    model, _, rec = losses(visible_row(True, False, True), detach_target=detach_target)
    rec.backward()
    assert (largest(model.encoders[1]) > 0) is not detach_target
    assert largest(model.encoders[0]) > 0  # through the visible token, the decoder's input


def test_classification_teaches_the_visible_encoders_and_the_rebuilding() -> None:
    model, cls, _ = losses(visible_row(True, False, True))
    cls.backward()
    assert largest(model.encoders[0]) > 0
    assert largest(model.encoders[1]) == 0
    assert largest(model.encoders[2]) > 0
    assert largest(model.action_mae.dummy_token) > 0


def test_nothing_dropped_teaches_nothing() -> None:
    """Not even the decay that AdamW would give to a gradient of 0."""
    model, cls, rec = losses(visible_row(True, True, True), detach_target=False)
    assert rec == 0
    (cls + rec).backward()
    assert all(parameter.grad is None for parameter in model.action_mae.parameters())


def test_with_originals_everywhere_classification_does_not_see_action_mae() -> None:
    """K = 0: fusion gets the encoders' own tokens."""
    model, cls, _ = losses(visible_row(True, True, True))
    cls.backward()
    assert largest(model.action_mae) == 0
    assert all(largest(encoder) > 0 for encoder in model.encoders)


@pytest.mark.parametrize(("fusion", "action_mae"), list(product(FUSIONS, (True, False))))
def test_the_subset_table_is_separate_forward_passes(fusion: str, action_mae: bool) -> None:
    model = tiny_classifier(vectors(), fusion=fusion, action_mae=action_mae)
    batch = tiny_batch(vectors(), 9)
    scores = score_subsets(model, [batch], classes=model.classes)
    for subset in all_subsets(3):
        shown = torch.zeros(3, dtype=torch.bool)
        shown[list(subset)] = True
        rows = (batch.available & shown).sum(dim=1) == len(subset)
        stored = torch.from_numpy(scores.logits[subset])
        assert stored[~rows].isnan().all()
        assert stored[rows].isfinite().all()
        if rows.any():
            with torch.no_grad():
                kept = batch.map(lambda tensor, rows=rows: tensor[rows])
                kept = replace(kept, sample_ids=batch.sample_ids[: len(kept.labels)])
                wanted = model(kept, shown.expand(len(kept), 3)).logits
            torch.testing.assert_close(stored[rows], wanted, atol=1e-5, rtol=1e-5)

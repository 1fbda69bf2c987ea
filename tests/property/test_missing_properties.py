"""What is missing changes nothing: per-row masks equal sequences from which tokens were removed, and nothing leaks."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws
from actionmae.nn import ActionMAE, MultiModalClassifier
from helpers.builders import mixed_available, tiny_batch
from helpers.methods import method_for
from helpers.tiny_models import VECTORS, kinds, tiny_classifier, vectors

FUSIONS = ("sum", "concat", "transformer")
ROWS = 8


def close(got: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def persons(batch: int, frames: int = 4) -> dict[str, Tensor]:
    """The second person is in some frames of every second clip; the first is lost in one frame."""
    mask = torch.ones(batch, frames, 2, dtype=torch.bool)
    mask[::2, :, 1] = False
    mask[1::2, : frames // 2, 1] = False
    mask[1::2, 0, 0] = False
    return {"skeleton": mask}


def hard_batch(rows: int = ROWS, **options: Any) -> ClipBatch:
    """Lost modalities, frames and persons together."""
    batch = tiny_batch(kinds(), rows, lost_frames=True, **options)
    return replace(batch, person_available=persons(rows)).validate(kinds())


def row_of(batch: ClipBatch, row: int, modalities: ModalitySet) -> ClipBatch:
    """One clip alone; what it lacks is not in the batch at all."""
    have = [name for slot, name in enumerate(modalities.names) if batch.available[row, slot]]
    at = slice(row, row + 1)
    return ClipBatch(
        clips={name: batch.clips[name][at] for name in have},
        available=batch.available[at],
        labels=batch.labels[at],
        sample_ids=batch.sample_ids[at],
        frame_available={name: mask[at] for name, mask in batch.frame_available.items() if name in have},
        person_available={name: mask[at] for name, mask in batch.person_available.items() if name in have},
    ).validate(modalities)


def poisoned(batch: ClipBatch, modalities: ModalitySet, poison: float) -> ClipBatch:
    """The same clips with `poison` in every place where nothing exists."""
    clips = {}
    for slot, name in enumerate(modalities.names):
        clip = batch.clips[name].clone()
        clip[~batch.available[:, slot]] = poison
        if name in batch.frame_available:
            clip[~batch.frame_available[name]] = poison
        if name in batch.person_available:
            clip[~batch.person_available[name]] = poison
        clips[name] = clip
    return replace(batch, clips=clips)


@pytest.mark.parametrize(("fusion", "action_mae"), list(product(FUSIONS, (True, False))))
def test_a_batch_equals_its_clips_one_by_one(fusion: str, action_mae: bool) -> None:
    model = tiny_classifier(kinds(), fusion=fusion, action_mae=action_mae)
    batch = hard_batch()
    with torch.no_grad():
        out = model(batch)
        for row in range(ROWS):
            alone = model(row_of(batch, row, kinds()))
            close(alone.logits[0], out.logits[row])
            close(alone.tokens[0], out.tokens[row])
            if alone.reconstructed is not None:
                close(alone.reconstructed[0], out.reconstructed[row])


@pytest.mark.parametrize(("fusion", "action_mae"), list(product(FUSIONS, (True, False))))
def test_a_dropped_modality_equals_one_that_never_was(fusion: str, action_mae: bool) -> None:
    model = tiny_classifier(vectors(), fusion=fusion, action_mae=action_mae)
    whole = tiny_batch(vectors(), 7, available=torch.ones(7, 3, dtype=torch.bool))
    visible = mixed_available(7, 3)
    with torch.no_grad():
        close(model(whole, visible).logits, model(replace(whole, available=visible)).logits)
        tokens = model.encode(whole)
        close(model.classify(*model.reconstruct(tokens, visible)), model(whole, visible).logits)


@pytest.mark.parametrize(
    ("fusion", "action_mae", "poison"),
    [
        *product(FUSIONS, (True, False), [float("nan")]),
        *product(["transformer"], [True], [float("inf"), 1e30]),
    ],
)
def test_what_is_missing_is_never_read(fusion: str, action_mae: bool, poison: float) -> None:
    """Logits, losses, gradients and BatchNorm statistics, in train mode."""
    name = "action_mae" if action_mae else "modality_dropout"
    options = {"detach_target": False} if action_mae else {}
    results = []
    for content in (0.0, poison):
        torch.manual_seed(0)
        model = tiny_classifier(kinds(), fusion=fusion, action_mae=action_mae, token_heads=True).train()
        batch = poisoned(hard_batch(), kinds(), content)
        step = method_for(model, name=name, drop_per="sample", token_weight=0.5, **options).step(
            batch, Draws.from_seed(2)
        )
        assert (batch.available & ~step.output.visible).any()
        sum(step.losses.values()).backward()
        gradients = {key: value.grad for key, value in model.named_parameters() if value.grad is not None}
        results.append((step, gradients, dict(model.named_buffers())))
    (clean, clean_gradients, clean_buffers), (dirty, dirty_gradients, dirty_buffers) = results
    assert torch.equal(clean.output.logits, dirty.output.logits)
    assert clean.losses.keys() == dirty.losses.keys()
    for key, loss in clean.losses.items():
        assert torch.equal(loss, dirty.losses[key]), key
    assert all(torch.equal(value, dirty.logs[key]) for key, value in clean.logs.items())
    assert clean_gradients.keys() == dirty_gradients.keys()
    for key, gradient in clean_gradients.items():
        assert gradient.isfinite().all(), key
        assert torch.equal(gradient, dirty_gradients[key]), key
    for key, buffer in clean_buffers.items():
        assert torch.equal(buffer, dirty_buffers[key]), key


def test_a_token_that_is_not_visible_is_never_read() -> None:
    """Even where a caller of the plug-in leaves NaN in it, gradients included."""
    mae = ActionMAE(3, 16, depth=1, num_heads=2, mlp_dim=24)
    visible = mixed_available(7, 3)
    tokens = torch.randn(7, 3, 16)
    bad = tokens.masked_fill(~visible[:, :, None], torch.nan).requires_grad_()
    out = mae(bad, visible)
    close(out.tokens, mae(tokens, visible).tokens)
    out.tokens.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in mae.parameters())
    assert bad.grad.isfinite().all()
    assert (bad.grad[~visible] == 0).all()


def batch_norms(model: MultiModalClassifier) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in model.named_buffers() if "running" in name}


def test_batch_norm_counts_only_rows_that_exist() -> None:
    everything = tiny_batch(kinds(), 4, available=torch.ones(4, 3, dtype=torch.bool))
    some = tiny_batch(kinds(), 4, available=torch.tensor([[True, False, True], [True, True, True]] * 2))
    torch.manual_seed(0)
    masked = tiny_classifier(kinds()).train()
    torch.manual_seed(0)
    apart = tiny_classifier(kinds()).train()
    masked(some)
    pairs = ClipBatch(
        clips={"skeleton": everything.clips["skeleton"][[1, 3]], "rgb": everything.clips["rgb"][[1, 3]]},
        available=torch.tensor([[True, True, False]] * 2),
        labels=everything.labels[:2],
        sample_ids=["a", "b"],
    )
    apart(pairs)
    got, wanted = batch_norms(masked.encoders[1]), batch_norms(apart.encoders[1])
    assert got
    for name, value in got.items():
        close(value, wanted[name])


def test_batch_norm_of_a_modality_that_no_clip_has_stays() -> None:
    model = tiny_classifier(kinds(), action_mae=True).train()
    before = batch_norms(model.encoders[1])
    batch = tiny_batch(kinds(), 4, available=torch.tensor([[True, False, True]] * 4))
    model(batch)
    after = batch_norms(model.encoders[1])
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("named", [True, False], ids=["in clips", "not in clips"])
def test_a_batch_in_which_nobody_has_some_modality_trains(named: bool) -> None:
    model = tiny_classifier(kinds(), action_mae=True, token_heads=True).train()
    method = method_for(model, token_weight=1.0)
    batch = tiny_batch(kinds(), 4, available=torch.tensor([[True, False, True]] * 4))
    if not named:
        batch = replace(batch, clips={name: clip for name, clip in batch.clips.items() if name != "skeleton"})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = {name: value.clone() for name, value in model.named_parameters()}
    for seed in range(3):
        optimizer.zero_grad()
        sum(method.step(batch, Draws.from_seed(seed)).losses.values()).backward()
        optimizer.step()
    for name, value in model.named_parameters():
        assert value.isfinite().all(), name
        if name.startswith("encoders.1."):
            assert torch.equal(value, before[name]), name
    assert not torch.equal(
        model.encoders[0].space.network.network[0].weight, before["encoders.0.space.network.network.0.weight"]
    )


@pytest.mark.parametrize("seen", [0, 1])
def test_a_skeleton_in_which_almost_nobody_is_seen_trains(seen: int) -> None:
    """BatchNorm over no or one person must neither stop training nor spoil its statistics."""
    model = tiny_classifier(kinds()).train()
    batch = tiny_batch(kinds(), 1, available=torch.ones(1, 3, dtype=torch.bool))
    mask = torch.zeros(1, 4, 2, dtype=torch.bool)
    mask[:, :seen, 0] = True
    out = model(replace(batch, person_available={"skeleton": mask}))
    out.logits.sum().backward()
    assert out.logits.isfinite().all()
    assert all(value.isfinite().all() for value in batch_norms(model).values())


@given(order=st.permutations(range(ROWS)), fusion=st.sampled_from(FUSIONS), action_mae=st.booleans())
@settings(max_examples=6, deadline=None)
def test_permuting_the_batch_permutes_the_output(order: list[int], fusion: str, action_mae: bool) -> None:
    torch.manual_seed(0)
    model = tiny_classifier(kinds(), fusion=fusion, action_mae=action_mae)
    batch = hard_batch()
    shuffled = replace(batch.map(lambda tensor: tensor[order]), sample_ids=[batch.sample_ids[at] for at in order])
    with torch.no_grad():
        close(model(shuffled).logits, model(batch).logits[order])


@pytest.mark.parametrize("positions", ["input", "attention"])
def test_the_order_of_frames_and_the_slot_of_a_token_matter(positions: str) -> None:
    model = tiny_classifier(vectors(), action_mae=True, positions=positions)
    batch = tiny_batch(vectors(), 4, available=torch.ones(4, 3, dtype=torch.bool))
    backwards = replace(batch, clips={name: clip.flip(1) for name, clip in batch.clips.items()})
    tokens = torch.randn(4, 3, 16)
    slots = torch.eye(3, dtype=torch.bool)[:, None].expand(3, 4, 3)
    with torch.no_grad():
        assert (model(batch).logits - model(backwards).logits).abs().amax(dim=1).min() > 1e-4
        same_token = tokens[:, :1].expand(4, 3, 16)
        logits = [model.classify(*model.reconstruct(same_token, visible)) for visible in slots]
        fused = [model.classify(same_token, visible) for visible in slots]
    for results in (logits, fused):
        assert (results[0] - results[1]).abs().max() > 1e-4
        assert (results[1] - results[2]).abs().max() > 1e-4


def test_without_positions_the_slot_is_not_known_to_action_mae() -> None:
    """Table 7c's "w/o pos"; shows that the test above can fail."""
    model = tiny_classifier(vectors(), action_mae=True, mae_positions=False)
    token = torch.randn(1, 1, 16).expand(1, 3, 16)
    with torch.no_grad():
        rebuilt = [
            model.action_mae(token, visible).reconstructed for visible in torch.eye(3, dtype=torch.bool)[:, None]
        ]
    close(rebuilt[0][:, 0], rebuilt[1][:, 1])
    close(rebuilt[0][:, 1], rebuilt[1][:, 2])


@pytest.mark.parametrize("name", ["keys", "pop", "training", "items", "forward", "self", "top", "T_destination"])
def test_any_name_works(name: str) -> None:
    modalities = ModalitySet([{**VECTORS[0], "name": name}, VECTORS[1]])
    model = tiny_classifier(modalities, action_mae=True)
    out = model(tiny_batch(modalities, 3))
    assert out.logits.shape == (3, 5)
    assert ModalitySet.from_list(modalities.to_list()) == modalities


@pytest.mark.parametrize(("fusion", "action_mae"), list(product(FUSIONS, (True, False))))
def test_one_modality_is_enough(fusion: str, action_mae: bool) -> None:
    modalities = ModalitySet(VECTORS[:1])
    model = tiny_classifier(modalities, fusion=fusion, action_mae=action_mae).train()
    method = method_for(model, name="action_mae" if action_mae else "modality_dropout")
    step = method.step(tiny_batch(modalities, 3), Draws.from_seed(0))
    assert step.output.visible.all()
    assert step.losses.get("rec", torch.zeros(())) == 0
    sum(step.losses.values()).backward()

"""SMIL and MMIN against their equations in loops."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actionmae.core.dropping import sample_visible
from actionmae.methods import Draws
from actionmae.nn.cascaded_autoencoder import CascadedAutoencoder
from actionmae.nn.prior_tokens import PriorTokens
from helpers.builders import tiny_batch
from helpers.comparison import build, full_batch
from helpers.tiny_models import vectors


def test_a_cascade_corrects_what_was_left_over() -> None:
    cascade = CascadedAutoencoder(num_modalities=3, dim=4)
    tokens, visible = torch.randn(2, 3, 4), torch.tensor([[True, False, True], [True, True, True]])
    out = cascade(tokens.masked_fill(~visible[:, :, None], torch.nan), visible)
    for row in range(2):
        start = torch.cat([tokens[row, m] if visible[row, m] else torch.zeros(4) for m in range(3)])
        changes: list[Tensor] = []
        for block in cascade.blocks:
            changes.append(block(start + sum(changes)))
        torch.testing.assert_close(out[row].flatten(), start + sum(changes))
    assert len(cascade.blocks) == 5


def test_mmin_in_loops() -> None:
    method = build("mmin", drop_per="sample", imagination_weight=0.5, cycle_weight=2.0)
    batch = tiny_batch(vectors(), 8)
    out = method.step(batch, Draws.from_seed(2), stage="imagine")
    visible = sample_visible(batch.available, generator=Draws.from_seed(2).own, per="sample")
    assert torch.equal(out.output.visible, visible)
    with torch.no_grad():
        tokens = method.model.encode(batch)
        there = method.model.completion(tokens, visible)
        back = method.way_back(there)
        filled = torch.where(visible[:, :, None], tokens, there)
        logits = method.model.fusion(filled, torch.ones_like(visible))
    imagination, cycle = 0.0, 0.0
    for row in range(8):
        lost = [m for m in range(3) if batch.available[row, m] and not visible[row, m]]
        kept = [m for m in range(3) if visible[row, m]]
        errors = [sum(float(d) ** 2 for d in there[row, m] - tokens[row, m]) / 16 for m in lost]
        imagination += sum(errors) / max(len(lost), 1)
        errors = [sum(float(d) ** 2 for d in back[row, m] - tokens[row, m]) / 16 for m in kept]
        cycle += sum(errors) / len(kept)
    assert out.losses["imagination"].item() == pytest.approx(0.5 * imagination / 8, rel=1e-4)
    assert out.losses["cycle"].item() == pytest.approx(2.0 * cycle / 8, rel=1e-4)
    wanted = F.cross_entropy(logits, batch.labels, label_smoothing=0.1)
    torch.testing.assert_close(out.losses["cls"], wanted)
    assert set(method.step(batch, Draws.from_seed(0), stage="complete").losses) == {"cls"}
    assert not [name for name in method.model.state_dict() if "way_back" in name]


def test_the_first_tokens_become_centres_and_later_ones_move_the_nearest() -> None:
    priors = PriorTokens(num_modalities=2, dim=4)
    size = priors.centres.shape[1]
    first = torch.randn(size + 3, 2, 4) * 5
    available = torch.ones(size + 3, 2, dtype=torch.bool)
    available[0, 1] = False
    priors.learn(first, available)
    for slot in range(2):
        rows = first[available[:, slot], slot]
        centres = [row.clone() for row in rows[:size]]
        won: dict[int, list[Tensor]] = {}
        for row in rows[size:]:
            nearest = min(range(size), key=lambda p: float((centres[p] - row).norm()))
            won.setdefault(nearest, []).append(row)
        for p, members in won.items():
            mean = sum(members) / len(members)
            centres[p] = centres[p] + len(members) / (1 + len(members)) * (mean - centres[p])
        torch.testing.assert_close(priors.centres[slot], torch.stack(centres))
        assert priors.counts[slot].sum() == len(rows)


def test_a_missing_token_is_a_weighted_sum_of_its_modality_s_centres() -> None:
    priors = PriorTokens(num_modalities=2, dim=4).eval()
    priors.learn(torch.randn(5, 2, 4), torch.ones(5, 2, dtype=torch.bool))
    tokens, visible = torch.randn(2, 2, 4), torch.tensor([[True, False], [True, True]])
    out = priors(tokens.masked_fill(~visible[:, :, None], torch.nan), visible)
    torch.testing.assert_close(out[visible], tokens[visible], msg="softplus of the mean is 1 at the start")
    scores = priors.weigh(torch.cat([tokens[0, 0], torch.zeros(4)])).unflatten(0, priors.counts.shape)[1][:5]
    wanted = sum(weight * centre for weight, centre in zip(scores.softmax(0), priors.centres[1], strict=False))
    torch.testing.assert_close(out[0, 1], wanted)


def test_the_noise_is_drawn_in_training_only_and_held_to_its_prior() -> None:
    priors = PriorTokens(num_modalities=2, dim=4)
    nn.init.normal_(priors.noise.weight, std=0.1)
    tokens, visible = torch.randn(3, 2, 4), torch.ones(3, 2, dtype=torch.bool)
    assert not torch.equal(priors(tokens, visible), priors(tokens, visible))
    mean, spread = priors.moments(tokens)
    torch.testing.assert_close(priors.eval()(tokens, visible), tokens * F.softplus(mean))
    one = torch.tensor(1.0).exp().sub(1).log()
    prior = torch.distributions.Normal(one, 0.1)
    wanted = torch.distributions.kl_divergence(torch.distributions.Normal(mean, spread), prior).mean(dim=2)
    torch.testing.assert_close(priors.divergence(tokens), wanted, rtol=1e-3, atol=1e-4)


def test_smil_s_inner_step_in_loops() -> None:
    """The complete clips are judged with the fusion that the incomplete ones have moved."""
    method = build("smil", drop_per="sample", inner_lr=0.5).eval()
    batch = full_batch()
    losses = method.step(batch, Draws.from_seed(1)).losses
    model, fusion = method.model, method.model.fusion
    visible = sample_visible(batch.available, generator=Draws.from_seed(1).own, per="sample")
    tokens = model.encode(batch).detach()
    missing = F.cross_entropy(model.classify(*model.reconstruct(tokens, visible)), batch.labels, label_smoothing=0.1)
    torch.testing.assert_close(losses["missing"], missing)
    gradients = torch.autograd.grad(missing, list(fusion.parameters()))
    torch.stack([losses["full"]]).sum().backward()
    head = fusion.head.weight.grad.clone()
    with torch.no_grad():
        for weight, gradient in zip(fusion.parameters(), gradients, strict=True):
            weight -= 0.5 * gradient
    full = F.cross_entropy(
        model.classify(*model.reconstruct(tokens, batch.available)), batch.labels, label_smoothing=0.1
    )
    torch.testing.assert_close(losses["full"], full)
    torch.testing.assert_close(head, torch.autograd.grad(full, fusion.head.weight)[0])
    assert not torch.allclose(losses["full"], F.cross_entropy(losses["full"].new_zeros(8, 5), batch.labels))

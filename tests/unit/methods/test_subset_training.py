"""SimMLM, self-distillation, missing tokens, MMPareto and optimal fusion against their equations in loops."""

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from actionmae.core.dropping import sample_visible
from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws, Method, method_config
from actionmae.methods.config import METHODS
from actionmae.methods.mmpareto import balance
from actionmae.methods.simmlm import more_versus_fewer
from actionmae.nn.completion import MissingTokens
from actionmae.nn.fusion import TransformerFusion
from actionmae.nn.searched_fusion import SearchedFusion
from actionmae.nn.stream_fusion import GatedFusion
from helpers.builders import tiny_batch
from helpers.comparison import build, full_batch, train_all_stages
from helpers.tiny_models import tiny_classifier, vectors


def cross_entropy(logits: Tensor, label: int, smoothing: float = 0.1) -> float:
    log_p = logits.log_softmax(0).tolist()
    return -(1 - smoothing) * log_p[label] - smoothing * sum(log_p) / len(log_p)


def mean_loss(logits: Tensor, labels: Tensor) -> float:
    each = [cross_entropy(row, int(label)) for row, label in zip(logits, labels, strict=True)]
    return sum(each) / len(each)


def quiet(method: Method, batch: ClipBatch) -> Tensor:
    with torch.no_grad():
        return method.model.encode(batch)


def test_the_gate_weighs_those_that_are_there() -> None:
    fusion = GatedFusion(num_modalities=3, dim=4, num_classes=5)
    torch.nn.init.normal_(fusion.gate.weight)
    tokens, filled = torch.randn(3, 3, 4), torch.tensor([[True, True, True], [True, False, True], [False, True, False]])
    out = fusion(tokens.masked_fill(~filled[:, :, None], torch.nan), filled)
    for row in range(3):
        seen = torch.cat([tokens[row, m] if filled[row, m] else torch.zeros(4) for m in range(3)])
        scores = (fusion.gate.weight @ seen + fusion.gate.bias).tolist()
        total = sum(math.exp(scores[m]) for m in range(3) if filled[row, m])
        wanted = sum(math.exp(scores[m]) / total * fusion.heads[m](tokens[row, m]) for m in range(3) if filled[row, m])
        torch.testing.assert_close(out[row], wanted)
    torch.testing.assert_close(out[2], fusion.heads[1](tokens[2, 1]))


def test_simmlm_in_loops() -> None:
    method, batch = build("simmlm", drop_per="sample", rank_weight=0.7), tiny_batch(vectors(), 8)
    torch.nn.init.normal_(method.model.fusion.gate.weight)
    tokens = quiet(method, batch)
    losses = method.step(batch, Draws.from_seed(3), stage="joint").losses
    generator = Draws.from_seed(3).own
    more = sample_visible(batch.available, generator=generator, per="sample")
    fewer = sample_visible(more, generator=generator, per="sample")
    assert not torch.equal(more, fewer)
    each = []
    for seen in (more, fewer):
        logits = method.model.fusion(tokens, seen)
        each.append([cross_entropy(logits[row], int(batch.labels[row])) for row in range(8)])
    ranking = sum(max(0.0, a - b) for a, b in zip(*each, strict=True)) / 8
    assert losses["more"].item() == pytest.approx(sum(each[0]) / 8, rel=1e-4)
    assert losses["fewer"].item() == pytest.approx(sum(each[1]) / 8, rel=1e-4)
    assert ranking > 0
    assert losses["rank"].item() == pytest.approx(0.7 * ranking, rel=1e-4)
    assert set(method.step(batch, Draws.from_seed(0), stage="experts").losses) == {"experts"}


def test_fewer_modalities_are_not_made_worse_to_be_ranked_below() -> None:
    more, fewer = torch.tensor([2.0, 1.0], requires_grad=True), torch.tensor([1.0, 2.0], requires_grad=True)
    more_versus_fewer(more, fewer).backward()
    assert more.grad.tolist() == [0.5, 0.0]
    assert fewer.grad is None


def test_self_distillation_in_loops() -> None:
    method, batch = build("self_distillation", drop_per="sample", num_subsets=2), tiny_batch(vectors(), 8)
    tokens = quiet(method, batch)
    losses = method.step(batch, Draws.from_seed(1)).losses
    generator = Draws.from_seed(1).own
    full = method.model.classify(tokens, batch.available).detach()
    hard, soft = 0.0, 0.0
    for _ in range(2):
        seen = sample_visible(batch.available, generator=generator, per="sample")
        logits = method.model.classify(tokens, seen).detach()
        hard += mean_loss(logits, batch.labels) / 2
        for row in range(8):
            q, p = (full[row] / 2).softmax(0).tolist(), (logits[row] / 2).softmax(0).tolist()
            soft += 4 * sum(b * math.log(b / a) for a, b in zip(p, q, strict=True)) / 16
    assert losses["cls"].item() == pytest.approx(mean_loss(full, batch.labels), rel=1e-4)
    assert losses["subset"].item() == pytest.approx(hard, rel=1e-4)
    assert losses["soft"].item() == pytest.approx(soft, rel=1e-3)


def test_missing_tokens_stand_where_a_modality_is_missing() -> None:
    method = build("missing_tokens", drop_per="sample")
    assert isinstance(method.model.completion, MissingTokens)
    tokens, visible = torch.randn(2, 3, 16), torch.tensor([[True, False, True], [False, True, False]])
    filled, everywhere = method.model.reconstruct(tokens, visible)
    assert everywhere.all()
    for row in range(2):
        for m in range(3):
            wanted = tokens[row, m] if visible[row, m] else method.model.completion.tokens[m]
            assert torch.equal(filled[row, m], wanted)
    out = method.step(full_batch(), Draws.from_seed(0))
    assert set(out.losses) == {"cls"}
    out.losses["cls"].backward()
    assert method.model.completion.tokens.grad.any()
    assert set(build("missing_tokens", token_weight=0.5).step(full_batch(), Draws.from_seed(0)).losses) == {
        "cls",
        "token",
    }


def test_the_balanced_gradient_in_loops() -> None:
    joint, alone = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    alone[:, 0] = joint[:, 0] * 0.3 + 0.1  # agree
    alone[:, 1] = -joint[:, 1] * 2 + 0.1  # conflict
    alone[:, 2] = 0.0
    balanced, conflict = balance(joint, alone, rescale=1.5)
    assert conflict.tolist() == [0, 1, 0]
    for m in range(3):
        g, u = joint[:, m].flatten(), alone[:, m].flatten()
        steps = [step / 20000 for step in range(20001)]
        best = min(steps, key=lambda a: float((a * g + (1 - a) * u).norm())) if float(g @ u) < 0 else 0.5
        wanted = 2 * best * g + 2 * (1 - best) * u
        wanted = 1.5 * float((g + u).norm() / wanted.norm()) * wanted
        torch.testing.assert_close(balanced[:, m].flatten(), wanted, rtol=5e-3, atol=5e-3)
        assert float(wanted @ g) > 0
        assert float(wanted @ u) >= -1e-5


def test_mmpareto_s_encoders_follow_the_balance_and_its_heads_both_losses() -> None:
    method, batch = build("mmpareto"), tiny_batch(vectors(), 8)
    losses = method.step(batch, Draws.from_seed(0)).losses
    assert losses["balance"].item() == 0
    torch.stack(list(losses.values())).sum().backward()
    given = {name: each.grad.clone() for name, each in method.model.named_parameters()}
    method.zero_grad()
    tokens = method.model.encode(batch)
    joint = torch.nn.functional.cross_entropy(
        method.model.classify(tokens, batch.available), batch.labels, label_smoothing=0.1
    )
    heads = [
        cross_entropy_loss
        for m in range(3)
        for cross_entropy_loss in [
            torch.nn.functional.cross_entropy(
                method.model.token_heads[m](tokens[batch.available[:, m], m]),
                batch.labels[batch.available[:, m]],
                label_smoothing=0.1,
                reduction="sum",
            )
        ]
    ]
    alone = sum(heads) / batch.available.sum()
    g, u = (torch.autograd.grad(loss, tokens, retain_graph=True)[0] for loss in (joint, alone))
    tokens.backward(balance(g, u, rescale=1.5)[0], retain_graph=True)
    wanted = {name: each.grad for name, each in method.model.named_parameters() if name.startswith("encoders.")}
    for name, gradient in wanted.items():
        torch.testing.assert_close(given[name], gradient, rtol=1e-3, atol=1e-5)
    head = method.model.token_heads[0].weight
    torch.testing.assert_close(given["token_heads.0.weight"], torch.autograd.grad(alone, head)[0])


@pytest.mark.parametrize("positions", ["input", "attention"])
def test_strategy_0_is_transformer_fusion_and_the_last_joins_class_tokens_only(positions: str) -> None:
    config = tiny_classifier(vectors(), fusion_depth=2, positions=positions).config.transformer(2)
    fusion = SearchedFusion(num_modalities=3, num_classes=5, config=config).eval()
    plain = TransformerFusion(num_modalities=3, num_classes=5, config=config).eval()
    plain.load_state_dict(fusion.state_dict(), strict=False)
    tokens, filled = (
        torch.randn(3, 3, 16),
        torch.tensor([[True, True, True], [True, False, True], [False, True, False]]),
    )
    with torch.no_grad():
        torch.testing.assert_close(fusion.meet_at(0, tokens, filled), plain.summarise(tokens, filled))
        late = fusion.meet_at(2, tokens, filled)
        for row in range(3):
            alone = []
            for m in range(3):
                if filled[row, m]:
                    pos = torch.stack([fusion.pos[0], fusion.pos[m + 1]])
                    x = torch.cat([fusion.cls_token[0], tokens[row, m : m + 1]])[None]
                    x = x + pos if positions == "input" else x
                    for block in fusion.layers.blocks:
                        x = block(x, pos=pos if positions == "attention" else None)
                    alone.append(x[0, 0])
            torch.testing.assert_close(late[row], fusion.layers.norm(sum(alone) / len(alone)))
        mixed = sum(fusion.head(fusion.meet_at(level, tokens, filled)) for level in range(3)) / 3
        torch.testing.assert_close(fusion(tokens, filled), mixed)
        fusion.strategy[1], fusion.decided = 0.1, torch.tensor(True)
        torch.testing.assert_close(fusion(tokens, filled), fusion.head(fusion.meet_at(1, tokens, filled)))


def test_optimal_fusion_in_loops() -> None:
    method, batch = build("optimal_fusion", single_weight=0.5), tiny_batch(vectors(), 8)
    tokens = quiet(method, batch)
    losses = method.step(batch, Draws.from_seed(0)).losses
    single, count = 0.0, 0
    for row in range(8):
        for m in range(3):
            if batch.available[row, m]:
                only = torch.zeros(1, 3, dtype=torch.bool)
                only[0, m] = True
                logits = method.model.fusion(tokens[row : row + 1], only)[0]
                single, count = single + cross_entropy(logits, int(batch.labels[row])), count + 1
    full = mean_loss(method.model.fusion(tokens, batch.available), batch.labels)
    assert losses["cls"].item() == pytest.approx(full, rel=1e-4)
    assert losses["single"].item() == pytest.approx(0.5 * single / count, rel=1e-4)


def test_the_strategy_is_searched_then_fixed() -> None:
    method = build("optimal_fusion")
    search, train = method.stages(10)
    assert (search.epochs, train.epochs) == (3, 7)
    method.begin(search)
    method.enter(search)
    fusion = method.model.fusion
    assert fusion.strategy.requires_grad
    torch.stack(list(method.step(full_batch(), Draws.from_seed(0)).losses.values())).sum().backward()
    assert fusion.strategy.grad.any()
    method.begin(train)
    method.enter(train)
    assert not fusion.strategy.requires_grad
    assert sorted(fusion.weights().tolist()) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "self_distillation", "num_subsets": 0}, "method.num_subsets is 0: give at least 1"),
        ({"name": "mmpareto", "rescale": 0.0}, "method.rescale is 0.0: give a number above 0"),
        ({"name": "smil", "inner_lr": -1.0}, "method.inner_lr is -1.0: give 0 or more"),
        ({"name": "simmlm", "rank_weight": -1.0}, "method.rank_weight is -1.0: give 0 or more"),
    ],
)
def test_switches_out_of_range_are_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        method_config(fields)


@pytest.mark.parametrize(
    "name", ["simmlm", "self_distillation", "missing_tokens", "mmpareto", "optimal_fusion", "smil", "mmin"]
)
def test_each_learns_in_its_stages_and_serves_every_subset(name: str) -> None:
    sampled = {"drop_per": "sample"} if hasattr(METHODS[name][0](), "drop_per") else {}
    method = build(name, **sampled)
    assert sum(stage.epochs for stage in method.stages(7)) == 7
    history = train_all_stages(method, full_batch(), epochs=60)
    assert all(sum(losses[-3:]) < 0.85 * sum(losses[:3]) for losses in history.values())
    model, batch = method.model.eval(), full_batch()
    assert model.supported_subsets is None
    with torch.no_grad():
        for code in range(1, 8):
            visible = torch.tensor([[bool(code >> m & 1) for m in range(3)]]).expand(8, -1)
            clips = {spec.name: batch.clips[spec.name] for m, spec in enumerate(vectors()) if visible[0, m]}
            without = ClipBatch(clips=clips, available=visible, labels=batch.labels, sample_ids=batch.sample_ids)
            torch.testing.assert_close(model(batch, visible).logits, model(without).logits)

"""DMCL and graph distillation against their equations in loops."""

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from actionmae.methods import Draws, build_method, method_config
from actionmae.methods.dmcl import DMCL
from actionmae.methods.graph_distillation import Graph, GraphDistillation, cosine_distances
from actionmae.nn import ClassifierConfig
from actionmae.nn.losses import soft_target_loss
from actionmae.nn.stream_fusion import AverageFusion
from helpers.builders import tiny_batch
from helpers.comparison import build, full_batch, train_all_stages
from helpers.tiny_models import WIDTH, vectors


def cross_entropy(logits: Tensor, label: int, smoothing: float) -> float:
    log_p = logits.log_softmax(0).tolist()
    return -(1 - smoothing) * log_p[label] - smoothing * sum(log_p) / len(log_p)


def soft_targets(student: Tensor, teacher: Tensor, temperature: float) -> float:
    q, p = (teacher / temperature).softmax(0).tolist(), (student / temperature).softmax(0).tolist()
    return temperature**2 * sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))


def streams(method: DMCL | GraphDistillation, batch: Any) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        tokens = method.model.encode(batch)
        return tokens, method.model.fusion.by_slot(tokens, batch.available)


def test_soft_targets_are_hinton_s_and_teach_one_side_only() -> None:
    student, teacher = torch.randn(4, 5, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    loss = soft_target_loss(student, teacher, temperature=3.0)
    for row in range(4):
        assert float(loss[row].detach()) == pytest.approx(
            soft_targets(student[row].detach(), teacher[row].detach(), 3.0), rel=1e-4
        )
    loss.sum().backward()
    assert teacher.grad is None
    assert student.grad.any()
    assert soft_target_loss(teacher, teacher).abs().max() < 1e-6


def test_the_average_is_that_of_the_streams_that_are_there() -> None:
    fusion = AverageFusion(num_modalities=3, dim=4, num_classes=5)
    tokens, filled = torch.randn(2, 3, 4), torch.tensor([[True, False, True], [False, True, False]])
    out = fusion(tokens.masked_fill(~filled[:, :, None], torch.nan), filled)
    heads = [head(tokens[:, slot]).softmax(1) for slot, head in enumerate(fusion.heads)]
    torch.testing.assert_close(out[0].exp(), (heads[0][0] + heads[2][0]) / 2)
    torch.testing.assert_close(out[1].exp(), heads[1][1])


@pytest.mark.parametrize("soft_weight", [0.0, 0.3, 1.0])
def test_dmcl_in_loops(soft_weight: float) -> None:
    method, batch = build("dmcl", soft_weight=soft_weight, temperature=2.5), tiny_batch(vectors(), 8)
    _, logits = streams(method, batch)
    hard, soft, count = 0.0, 0.0, 0
    for row in range(8):
        have = [m for m in range(3) if batch.available[row, m]]
        own = {m: cross_entropy(logits[row, m], int(batch.labels[row]), 0.1) for m in have}
        winner = min(own, key=own.get)
        for m in have:
            count += 1
            hard += own[m] * (1 if m == winner else 1 - soft_weight)
            if m != winner:
                soft += soft_weight * soft_targets(logits[row, m], logits[row, winner], 2.5)
    out = method.step(batch, Draws.from_seed(0))
    assert out.losses["cls"].item() == pytest.approx(hard / count, rel=1e-4)
    assert out.losses["soft"].item() == pytest.approx(soft / count, rel=1e-4, abs=1e-7)
    assert sum(value.item() for value in out.logs.values()) == pytest.approx(1)


def test_the_edges_of_the_graph() -> None:
    graph = Graph(dim=4, num_classes=5, temperature=0.7)
    tokens, logits = torch.randn(2, 3, 4), torch.randn(2, 3, 5)
    edges = ~torch.eye(3, dtype=torch.bool).expand(2, -1, -1).clone()
    edges[1, 0] = False
    weights = graph(tokens, logits, edges)
    for row in range(2):
        seen = [torch.cat([graph.features(tokens[row, m]), graph.logits(logits[row, m])]) for m in range(3)]
        for k in range(3):
            scores = {
                j: graph.edge((graph.target(seen[k]) + graph.source(seen[j])).tanh()).item() / 0.7
                for j in range(3)
                if edges[row, k, j]
            }
            total = sum(math.exp(score) for score in scores.values())
            for j in range(3):
                wanted = math.exp(scores[j]) / total if j in scores else 0.0
                assert float(weights[row, k, j]) == pytest.approx(wanted, abs=1e-5)


def test_graph_distillation_in_loops() -> None:
    method, batch = build("graph_distillation", soft_weight=0.4, token_imitation_weight=2.0), tiny_batch(vectors(), 8)
    tokens, logits = streams(method, batch)
    have = batch.available
    edges = have[:, :, None] & have[:, None] & ~torch.eye(3, dtype=torch.bool)
    weights = method.graph(tokens, logits, edges).detach()
    hard, cosine, soft, count, targets = 0.0, 0.0, 0.0, 0, 0
    for row in range(8):
        for k in range(3):
            if not have[row, k]:
                continue
            count += 1
            hard += cross_entropy(logits[row, k], int(batch.labels[row]), 0.1)
            sources = [j for j in range(3) if j != k and have[row, j]]
            targets += bool(sources)
            for j in sources:
                weight = float(weights[row, k, j])
                cosine += weight * (1 - float(torch.cosine_similarity(tokens[row, k], tokens[row, j], dim=0)))
                soft += weight * soft_targets(logits[row, k], logits[row, j], 2.0)
    losses = method.step(batch, Draws.from_seed(0), stage="distil").losses
    assert losses["cls"].item() == pytest.approx(hard / count, rel=1e-4)
    assert losses["token_imitation"].item() == pytest.approx(2.0 * cosine / targets, rel=1e-4)
    assert losses["soft"].item() == pytest.approx(0.4 * soft / targets, rel=1e-4)
    assert set(method.step(batch, Draws.from_seed(0), stage="streams").losses) == {"cls"}


def test_a_source_gets_no_gradient_of_its_imitation() -> None:
    tokens = torch.randn(1, 2, 4, requires_grad=True)
    cosine_distances(tokens)[0, 0, 1].backward()
    assert tokens.grad[0, 0].any()
    assert not tokens.grad[0, 1].any()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "dmcl", "soft_weight": 1.5}, "method.soft_weight is 1.5: give a number in [0, 1]"),
        ({"name": "dmcl", "temperature": 0.0}, "method.temperature is 0.0: give a number above 0"),
        (
            {"name": "graph_distillation", "streams_fraction": 1.0},
            "method.streams_fraction is 1.0: give a number in [0, 1)",
        ),
    ],
)
def test_switches_out_of_range_are_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        method_config(fields)


@pytest.mark.parametrize("name", ["dmcl", "graph_distillation"])
def test_the_streams_learn_and_serve_every_subset(name: str) -> None:
    method = build(name)
    assert sum(stage.epochs for stage in method.stages(7)) == 7
    assert [stage.epochs for stage in method.stages(1)] == [1]
    history = train_all_stages(method, full_batch(), epochs=60)
    assert all(losses[-1] < 0.8 * losses[0] for losses in history.values())
    model = method.model.eval()
    assert model.supported_subsets is None
    with torch.no_grad():
        one = torch.tensor([[False, True, False]]).expand(8, -1)
        logits = streams(method, full_batch())[1]
        torch.testing.assert_close(model(full_batch(), one).logits, logits[:, 1].log_softmax(1))


def test_parts_that_would_not_be_trained_are_refused() -> None:
    sentence = "model.action_mae is True but method 'dmcl' does not train it: leave it out"
    with pytest.raises(ValueError, match=sentence):
        build_method(
            method_config({"name": "dmcl"}),
            modalities=vectors(),
            classes=("a", "b"),
            model=ClassifierConfig(**WIDTH, action_mae=True),
        )

"""Every fusion and completion can be traced for any number of clips and says the same afterwards."""

from typing import Any

import pytest
import torch

from actionmae.inference.export_graphs import HeadsGraph, example_tokens
from actionmae.nn.prior_tokens import PriorTokens
from helpers.tiny_models import tiny_classifier, vectors


@pytest.mark.parametrize(
    "options",
    [
        {"fusion": "average"},
        {"fusion": "gated"},
        {"fusion": "searched"},
        {"completion": "missing_tokens"},
        {"completion": "cascaded_autoencoder"},
        {"completion": "prior_tokens", "fusion_input": "reconstructed"},
    ],
    ids=lambda options: next(iter(options.values())),
)
def test_heads_are_traced_for_any_number_of_clips(options: dict[str, Any]) -> None:
    model = tiny_classifier(vectors(), **options)
    if isinstance(model.completion, PriorTokens):
        model.completion.learn(torch.randn(20, 3, 16), torch.ones(20, 3, dtype=torch.bool))
    graph = HeadsGraph(model)
    tokens, visible = example_tokens(model, 16)
    rows = torch.export.Dim("rows", min=1)
    with torch.no_grad():
        traced = torch.export.export(
            graph, (tokens, visible), dynamic_shapes={"tokens": {0: rows}, "visible": {0: rows}}
        ).module()
        for count in (1, 7):
            tokens, visible = example_tokens(model, 16, rows=count, seed=count)
            torch.testing.assert_close(traced(tokens, visible), graph(tokens, visible))

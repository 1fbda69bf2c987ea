"""The benchmarks run, and compare like with like: both sides of every ratio compute the same numbers."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from actionmae.core.dropping import sample_visible
from actionmae.inference.subset_scoring import score_subsets
from actionmae.methods import Draws
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.all_subsets import naive_subsets
from benchmarks.naive import NaiveClassifier
from benchmarks.setup import TINY, make_batch, make_model
from benchmarks.timing import Times, interleave
from benchmarks.training_step import MIXED, WHOLE
from helpers.methods import method_for

# The first of these tests would otherwise pay for a Lightning epoch more often than it learns from it.
ONCE = dataclasses.replace(TINY, rounds=1, loop_steps=1)


def test_every_benchmark_runs_at_tiny_size(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.__main__.TINY", ONCE)
    assert main(["--tiny", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    (path,) = Path(tmp_path).glob("*.json")
    written = json.loads(path.read_text(encoding="utf-8"))
    assert list(written["results"]) == list(BENCHMARKS)
    assert written["machine"]["threads"] == torch.get_num_threads()
    for result in written["results"].values():
        assert f"### {result['title']}" in printed
        assert all(len(row) == len(result["columns"]) for row in result["rows"])
        assert all(second > 0 for seconds in result["seconds"].values() for second in seconds)


def test_unknown_benchmark_is_refused(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["trainig_step"])
    assert "unknown benchmark 'trainig_step': choose from all_subsets" in capsys.readouterr().err


@pytest.mark.parametrize("available", [WHOLE, MIXED])
def test_naive_step_is_the_same_model(available) -> None:
    # BatchNorm in eval mode: in training mode the naive model's zero rows change the statistics, ours are not encoded.
    model = make_model(TINY, TINY.encoders[0], device="cpu", step=True)
    batch = make_batch(model, available, device="cpu")
    visible = sample_visible(batch.available, generator=torch.Generator().manual_seed(0), per="sample")
    ours = method_for(model, drop_per="sample").step(batch, Draws.from_seed(0))
    logits, loss = NaiveClassifier(model)(batch, visible)
    torch.testing.assert_close(ours.output.logits, logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sum(ours.losses.values()), loss, atol=1e-5, rtol=1e-5)


def test_mixed_lacks_a_third_of_every_modality() -> None:
    assert (~torch.tensor(MIXED)).sum(dim=0).tolist() == [2, 2, 2]


def test_naive_subsets_are_the_same_subsets() -> None:
    model = make_model(TINY, TINY.encoders[0], device="cpu")
    batch = make_batch(model, [[True] * 3] * 2, device="cpu")
    scores = score_subsets(model, [batch], classes=model.classes)
    for ours, naive in zip(scores.logits.values(), naive_subsets(model, batch), strict=True):
        torch.testing.assert_close(torch.from_numpy(ours), naive, atol=1e-5, rtol=1e-5)


def test_rounds_are_interleaved_and_ratios_paired() -> None:
    order: list[str] = []
    times = interleave({name: lambda name=name: order.append(name) for name in "ab"}, rounds=2, device="cpu")
    assert "".join(order) == "ab" * 3
    assert {name: len(seconds) for name, seconds in times.seconds.items()} == {"a": 2, "b": 2}
    ratio = Times({"a": [2.0, 30.0, 1.0], "b": [1.0, 10.0, 1.0]}).ratio("a", "b")
    assert (ratio.median, ratio.low, ratio.high) == (2.0, 1.0, 3.0)

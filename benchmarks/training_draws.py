"""A training step at the paper's size, for each K of its draws (§3.1: K of three modalities dropped, 0 ≤ K < 3)."""

from collections.abc import Callable

import torch

from actionmae.core.dropping import sample_visible
from actionmae.core.tensors import ClipBatch
from actionmae.methods import ActionMAEConfig, Draws, Supervised
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.training.optim import OptimConfig, build_optimizer
from benchmarks.naive import NaiveClassifier
from benchmarks.result import Result
from benchmarks.setup import Sizes, make_batch, make_model
from benchmarks.timing import interleave, spread

CLIPS = 2


def first_seed(num_dropped: int, batch: ClipBatch) -> int:
    """The first seed whose draw drops so many modalities of the whole batch."""
    for seed in range(100):
        visible = sample_visible(batch.available, generator=Draws.from_seed(seed).shared)
        if int((~visible[0]).sum()) == num_dropped:
            return seed
    raise AssertionError(f"none of 100 seeds drops {num_dropped} modalities")


def our_step(model: MultiModalClassifier, batch: ClipBatch, seed: int) -> Callable[[], None]:
    """Forward, losses, backward, fused AdamW."""
    method = Supervised(model=model, config=ActionMAEConfig())
    optimizer = build_optimizer(model.parameters(), OptimConfig(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        torch.stack(list(method.step(batch, Draws.from_seed(seed)).losses.values())).sum().backward()
        optimizer.step()

    return step


def naive_step(naive: NaiveClassifier, batch: ClipBatch, seed: int) -> Callable[[], None]:
    """The same draw with `NaiveClassifier` and AdamW parameter by parameter: everything is encoded with gradient."""
    optimizer = torch.optim.AdamW(naive.parameters(), lr=1e-4, weight_decay=1e-4, foreach=False, fused=False)
    visible = sample_visible(batch.available, generator=Draws.from_seed(seed).shared)

    def step() -> None:
        optimizer.zero_grad()
        naive(batch, visible)[1].backward()
        optimizer.step()

    return step


def run(sizes: Sizes, device: str) -> Result:
    """Time both steps for K = 0, 1, 2, and for the mean of the three, which §3.1 draws equally often."""
    encoder = sizes.encoders[-1]
    model = make_model(sizes, encoder, device=device).train()
    batch = make_batch(model, ((True, True, True),) * CLIPS, device=device)
    naive = NaiveClassifier(model)
    cases = {}
    for num_dropped in range(3):
        seed = first_seed(num_dropped, batch)
        cases[f"naive/{num_dropped}"] = naive_step(naive, batch, seed)
        cases[f"ours/{num_dropped}"] = our_step(model, batch, seed)
    times = interleave(cases, rounds=sizes.rounds, device=device)
    rows = [
        (str(k), str(times.of(f"ours/{k}")), str(times.of(f"naive/{k}")), str(times.ratio(f"naive/{k}", f"ours/{k}")))
        for k in range(3)
    ]
    means = {
        who: [sum(each) / 3 for each in zip(*(times.seconds[f"{who}/{k}"] for k in range(3)), strict=True)]
        for who in ("ours", "naive")
    }
    ratios = [naive / ours for naive, ours in zip(means["naive"], means["ours"], strict=True)]
    rows.append(("mean", str(spread(means["ours"])), str(spread(means["naive"])), str(spread(ratios))))
    return Result(
        title="A training step at the paper's size, by the number of modalities dropped",
        about=(
            f"{encoder}, {CLIPS} clips of R+D+I, {sizes.frames} frames of {sizes.pixels}², one draw for all. Naive: "
            "as in training_step, so everything is encoded with gradient whatever is dropped."
        ),
        columns=("K", "ours, s", "naive, s", "naive ÷ ours"),
        rows=rows,
        seconds=times.seconds,
    )

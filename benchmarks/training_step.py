"""A training step against the same model written naively."""

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
from benchmarks.timing import interleave

WHOLE = ((True, True, True),) * 6
# A third of each modality is missing, and of all rows together.
MIXED = (
    (True, True, True),
    (True, True, True),
    (True, True, False),
    (True, False, True),
    (False, False, True),
    (False, True, False),
)


def our_step(model: MultiModalClassifier, batch: ClipBatch) -> Callable[[], None]:
    """Forward, losses, backward, fused AdamW."""
    method = Supervised(model=model, config=ActionMAEConfig(drop_per="sample"))
    optimizer = build_optimizer(model.parameters(), OptimConfig(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        losses = method.step(batch, Draws.from_seed(0)).losses
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()

    return step


def naive_step(model: MultiModalClassifier, batch: ClipBatch) -> Callable[[], None]:
    """The same with `NaiveClassifier` and AdamW parameter by parameter; the same draw of what is visible."""
    naive = NaiveClassifier(model)
    optimizer = torch.optim.AdamW(naive.parameters(), lr=1e-4, weight_decay=1e-4, foreach=False, fused=False)
    visible = sample_visible(batch.available, generator=torch.Generator().manual_seed(0), per="sample")

    def step() -> None:
        optimizer.zero_grad()
        _, loss = naive(batch, visible)
        loss.backward()
        optimizer.step()

    return step


def run(sizes: Sizes, device: str) -> Result:
    """Time both steps, with nothing and with a third missing."""
    encoder = sizes.encoders[0]
    rows, seconds = [], {}
    for name, available in (("nothing", WHOLE), ("a third of all", MIXED)):
        model = make_model(sizes, encoder, device=device, step=True).train()
        batch = make_batch(model, available, device=device)
        cases = {"naive": naive_step(model, batch), "ours": our_step(model, batch)}
        times = interleave(cases, rounds=sizes.rounds, device=device)
        rows.append((name, str(times.of("ours")), str(times.of("naive")), str(times.ratio("naive", "ours"))))
        seconds |= {f"{name}/{case}": values for case, values in times.seconds.items()}
    return Result(
        title="A training step against the same model written naively",
        about=(
            f"{encoder}, {len(WHOLE)} clips of R+D+I, {sizes.step_frames} frames of {sizes.step_pixels}². Naive: NCHW, "
            "every row encoded (zeros where absent), attention head by head, ActionMAE and fusion clip by clip, "
            "unfused AdamW."
        ),
        columns=("missing", "ours, s", "naive, s", "naive ÷ ours"),
        rows=rows,
        seconds=seconds,
    )

"""Latency of a prediction from a subset, against its share of the encoders."""

import torch

from actionmae.core.subsets import all_subsets, format_subset
from benchmarks.result import Result
from benchmarks.setup import NAMES, Sizes, make_batch, make_model
from benchmarks.timing import interleave


def run(sizes: Sizes, device: str) -> Result:
    """Time a prediction from each subset."""
    model = make_model(sizes, sizes.encoders[0], device=device)
    subsets = {format_subset(subset, model.modalities): subset for subset in all_subsets(len(NAMES))}
    cases = {}
    for name, subset in subsets.items():
        batch = make_batch(model, [[slot in subset for slot in range(len(NAMES))]] * sizes.clips, device=device)
        cases[name] = torch.inference_mode()(lambda batch=batch: model(batch).logits)
    full = next(iter(subsets))
    times = interleave(cases, rounds=sizes.rounds, device=device)
    rows = [
        (
            name,
            f"{len(subset) / len(NAMES):.3f}",
            str(times.ratio(name, full)),
            str(times.ratio(name, full, scale=len(NAMES) / len(subset))),
            str(times.of(name)),
        )
        for name, subset in subsets.items()
    ]
    return Result(
        title="Absent sensors cost nothing",
        about=f"A prediction with {sizes.encoders[0]}, {sizes.clips} × {sizes.frames} frames of {sizes.pixels}².",
        columns=("subset", "share of encoders", "time ÷ time of all", "÷ share", "s"),
        rows=rows,
        seconds=times.seconds,
    )

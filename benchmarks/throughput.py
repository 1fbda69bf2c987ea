"""Inference against the machine's own rate of matrix multiplication, in fp32 and bf16."""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.result import Result
from benchmarks.setup import NAMES, Sizes, make_batch, make_model
from benchmarks.timing import interleave

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def run(sizes: Sizes, device: str) -> Result:
    """Time matrix products, the whole model, and its frame encoder in both memory layouts."""
    encoder = sizes.encoders[-1]
    model = make_model(sizes, encoder, device=device)
    batch = make_batch(model, [[True] * len(NAMES)] * sizes.clips, device=device)
    network = model.encoders[0].space.network
    contiguous = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    nchw = batch.clips[NAMES[0]].flatten(0, 1)
    channels_last = nchw.contiguous(memory_format=torch.channels_last)
    cases: dict[str, Callable[[], object]] = {}
    for name, dtype in PRECISIONS.items():
        left, right = (torch.randn(sizes.matmul, sizes.matmul, device=device, dtype=dtype) for _ in range(2))
        cases[f"matmul/{name}"] = lambda left=left, right=right: torch.mm(left, right)
        cases[f"model/{name}"] = _predict(lambda: model(batch), name, device)
        cases[f"frames NCHW/{name}"] = _predict(lambda: contiguous(nchw), name, device)
        cases[f"frames channels-last/{name}"] = _predict(lambda: network(channels_last), name, device)
    work = {name: _gflop(case) for name, case in cases.items()}
    times = interleave(cases, rounds=sizes.rounds, device=device)
    rows = []
    for name in cases:
        what, precision = name.split("/")
        base = f"matmul/{precision}"
        share = str(times.ratio(base, name, scale=work[name] / work[base])) if what != "matmul" else ""
        rows.append((what, precision, f"{work[name]:.1f}", str(times.rate(name, work[name])), share))
    return Result(
        title="Inference against the machine's own matmul rate",
        about=(
            f"The whole R+D+I model with {encoder}, {sizes.clips} × {sizes.frames} frames of {sizes.pixels}² per "
            "modality, and one modality's frames through the network alone; torch.mm of "
            f"{sizes.matmul}² matrices in the same rounds, which need not be the machine's peak."
        ),
        columns=("what", "precision", "GFLOP", "GFLOP/s", "÷ matmul rate"),
        rows=rows,
        seconds=times.seconds,
        figures=work,
    )


def _predict(forward: Callable[[], object], precision: str, device: str) -> Callable[[], object]:
    @torch.inference_mode()
    def predict() -> object:
        context: AbstractContextManager[object] = nullcontext()
        if precision == "bf16":
            context = torch.autocast(device, torch.bfloat16)
        with context:
            return forward()

    return predict


def _gflop(case: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        case()
    return counter.get_total_flops() / 1e9

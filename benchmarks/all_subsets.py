"""All 2^M − 1 subsets from one encoding, against encoding each subset anew."""

from dataclasses import replace
from functools import partial

import torch

from actionmae.core.subsets import all_subsets
from actionmae.core.tensors import ClipBatch
from actionmae.inference.subset_scoring import score_subsets
from actionmae.nn.classifier import MultiModalClassifier
from benchmarks.result import Result
from benchmarks.setup import NAMES, Sizes, make_batch, make_model
from benchmarks.timing import interleave


@torch.inference_mode()
def naive_subsets(model: MultiModalClassifier, batch: ClipBatch) -> list[torch.Tensor]:
    """Logits of every subset, each by a forward pass over its own modalities."""
    logits = []
    for subset in all_subsets(len(NAMES)):
        mask = torch.zeros_like(batch.available)
        mask[:, list(subset)] = True
        logits.append(model(replace(batch, available=batch.available & mask)).logits)
    return logits


def _classify_all(model: MultiModalClassifier, tokens: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    return model.classify(*model.reconstruct(tokens, visible))


def run(sizes: Sizes, device: str) -> Result:
    """Time one full encoding, one with all subsets scored, and naive scoring."""
    rows, seconds = [], {}
    for encoder in sizes.encoders:
        model = make_model(sizes, encoder, device=device)
        batch = make_batch(model, [[True] * len(NAMES)] * sizes.clips, device=device)
        encode = torch.inference_mode()(lambda model=model, batch=batch: model.encode(batch))
        cases = {
            "encode": encode,
            "all subsets": lambda model=model, batch=batch: score_subsets(model, [batch], classes=model.classes),
            "naive": lambda model=model, batch=batch: naive_subsets(model, batch),
        }
        times = interleave(cases, rounds=sizes.rounds, device=device)
        # The light steps alone: their cost drowns in the noise of two encodings.
        tokens = encode()
        masks = _masks().to(device).repeat_interleave(sizes.clips, dim=0)
        stack = tokens.repeat(2 ** len(NAMES) - 1, 1, 1)
        light = interleave(
            {"light": torch.inference_mode()(partial(_classify_all, model, stack, masks))},
            rounds=max(sizes.rounds, 5),
            device=device,
        )
        added = light.of("light").median / times.of("encode").median
        rows.append(
            (
                encoder,
                str(times.of("encode")),
                str(times.ratio("all subsets", "encode")),
                f"{100 * added:.2f} %",
                str(times.ratio("naive", "encode")),
            )
        )
        seconds |= {f"{encoder}/{case}": values for case, values in (times.seconds | light.seconds).items()}
    return Result(
        title="All 7 subsets from one encoding",
        about=(
            f"R+D+I, {sizes.clips} × {sizes.frames} frames of {sizes.pixels}² per modality. `evaluate` encodes once, "
            "then reconstructs and classifies 7 times; naively, each subset's modalities are encoded again."
        ),
        columns=("encoder", "encode, s", "all 7 ÷ encode", "reconstruct + classify, of encode", "naive ÷ encode"),
        rows=rows,
        seconds=seconds,
    )


def _masks() -> torch.Tensor:
    masks = torch.zeros(2 ** len(NAMES) - 1, len(NAMES), dtype=torch.bool)
    for row, subset in enumerate(all_subsets(len(NAMES))):
        masks[row, list(subset)] = True
    return masks

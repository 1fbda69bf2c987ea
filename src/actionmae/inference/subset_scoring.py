"""Score any `SubsetClassifier` on the subsets of its modalities: encode once, then two light steps per subset.

Shapes: B batch, M modality, S subset, K classes, R rows = (subset, clip that has all of it). Masks: True = present.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset, format_subset
from actionmae.core.tensors import ClipBatch, SubsetClassifier
from actionmae.evaluation.scores import SubsetScores, merge
from actionmae.evaluation.subset_plan import ALL_SUBSETS_UP_TO, SubsetPlan, plan_subsets, table_order
from actionmae.evaluation.table import RobustnessTable

# Rows that go through the light steps at once: enough to keep the device busy, few enough to stay in a CPU's cache.
_ROWS = {"cpu": 512}
_ROWS_ELSEWHERE = 8192


def score_subsets(
    model: SubsetClassifier,
    batches: Iterable[ClipBatch],
    *,
    classes: Sequence[str],
    subjects: Mapping[str, str] | None = None,
    subsets: Iterable[Subset] | None = None,
    all_subsets_up_to: int = ALL_SUBSETS_UP_TO,
    progress: Callable[[int], None] | None = None,
) -> SubsetScores:
    """Encode each clip once, then classify(*reconstruct(tokens, available & S)) for each subset S that it has.

    Args:
        model: Put into eval mode meanwhile, and back afterwards, where it is an `nn.Module`. If it has an attribute
            `supported_subsets` that is not None, only these are scored.
        batches: Ready for the model: floats, on its device. A clip that comes twice counts once.
        classes: K class names, in the order of the logits.
        subjects: From sample id to subject; clips without an entry have an unknown subject.
        subsets: Which to score; None = as `plan_subsets` says.
        all_subsets_up_to: The largest number of modalities of which all subsets are scored, 1–16.
        progress: Called after each batch with the number of clips in it.

    Raises:
        ValueError: If there is no clip, a label or the width of the logits does not fit `classes`, a subset names a
            slot that the model lacks, the model predicts from none of the subsets, or its logits are not finite.
    """
    plan = _plan(model, subsets, all_subsets_up_to)
    shards = []
    with evaluating(model):
        for batch in batches:
            _check_labels(batch, len(classes))
            stack, own = _score_batch(model, batch, plan, len(classes))
            shards.append(
                SubsetScores(
                    modalities=model.modalities,
                    classes=tuple(classes),
                    sample_ids=tuple(batch.sample_ids),
                    subjects=tuple((subjects or {}).get(sample, "") for sample in batch.sample_ids),
                    labels=batch.labels.cpu().numpy(),
                    available=batch.available.cpu().numpy(),
                    logits=dict(zip(plan.subsets, stack, strict=True)),
                    sampled=plan.sampled,
                    own_logits=own,
                )
            )
            if progress is not None:
                progress(len(batch))
    return merge(shards)


@contextmanager
def evaluating(model: object) -> Iterator[None]:
    """Eval mode for an `nn.Module`; afterwards each part is as it was (a frozen encoder stays in eval mode)."""
    before = {part: part.training for part in model.modules()} if isinstance(model, nn.Module) else {}
    if isinstance(model, nn.Module):
        model.eval()
    try:
        yield
    finally:
        for part, training in before.items():
            part.training = training


def _plan(model: SubsetClassifier, subsets: Iterable[Subset] | None, all_subsets_up_to: int) -> SubsetPlan:
    size = len(model.modalities)
    supported: Sequence[Subset] | None = getattr(model, "supported_subsets", None)
    if subsets is None:
        return plan_subsets(size, supported, all_subsets_up_to=all_subsets_up_to)
    wanted = table_order(tuple(sorted(subset)) for subset in subsets)
    for subset in wanted:
        if not subset or len(set(subset)) < len(subset) or not 0 <= subset[0] <= subset[-1] < size:
            raise ValueError(
                f"subset {subset} does not fit {size} modalities: give non-empty tuples of different slots 0–{size - 1}"
            )
    served = tuple(subset for subset in wanted if supported is None or subset in supported)
    if not served:
        what = "no subset was given" if not wanted else "the model predicts from none of the given subsets"
        raise ValueError(f"{what}: give at least one, or None for all")
    return SubsetPlan(subsets=served, sampled=False)


def _check_labels(batch: ClipBatch, num_classes: int) -> None:
    outside = ((batch.labels < 0) | (batch.labels >= num_classes)).nonzero().flatten().tolist()
    if outside:
        raise ValueError(
            f"clip {batch.sample_ids[outside[0]]!r} has label {int(batch.labels[outside[0]])}: "
            f"scoring needs labels 0–{num_classes - 1}; check that the class names are the model's"
        )


@torch.inference_mode()
def _score_batch(
    model: SubsetClassifier, batch: ClipBatch, plan: SubsetPlan, num_classes: int
) -> tuple[Float32[np.ndarray, "S B K"], Float32[np.ndarray, "B K"] | None]:
    """Logits of every subset, NaN where a clip lacks it; and for a sample of subsets those of each clip as recorded."""
    tokens, available = model.encode(batch), batch.available
    masks = _masks(plan.subsets, len(model.modalities)).to(available.device)
    visible = masks[:, None].expand(-1, len(batch), -1)  # [S, B, M]
    fits = (available | ~visible).all(dim=2)
    if plan.sampled:  # what a clip has may be none of the scored subsets
        visible, fits = torch.cat([visible, available[None]]), torch.cat([fits, torch.ones_like(fits[:1])])
    which, clip = fits.nonzero(as_tuple=True)  # [R]
    out = np.full((*fits.shape, num_classes), np.nan, dtype=np.float32)
    rows = _ROWS.get(tokens.device.type, _ROWS_ELSEWHERE)
    for part, at in zip(torch.split(which, rows), torch.split(clip, rows), strict=True):
        logits = _light_steps(model, tokens[at], visible[part, at], num_classes)
        out[part.cpu().numpy(), at.cpu().numpy()] = logits
    stack = out[: len(plan.subsets)]
    counted = fits.cpu().numpy()
    broken = np.argwhere(counted & ~np.isfinite(out).all(axis=2))
    if len(broken):
        row, column = broken[0]
        names = _names(model.modalities, visible[row, column])
        raise ValueError(
            f"the logits of clip {batch.sample_ids[column]!r} from {names} are not finite: "
            "check its recording for broken values and the training log for divergence"
        )
    return stack, out[-1] if plan.sampled else None


def _light_steps(
    model: SubsetClassifier, tokens: Float[Tensor, "R M C"], visible: Bool[Tensor, "R M"], num_classes: int
) -> Float32[np.ndarray, "R K"]:
    logits: np.ndarray = model.classify(*model.reconstruct(tokens, visible)).float().cpu().numpy()
    if logits.shape[1] != num_classes:
        raise ValueError(
            f"the model gives {logits.shape[1]} logits but {num_classes} class names were given: give the model's own"
        )
    return logits


def predictable(model: SubsetClassifier, available: Bool[Tensor, "B M"]) -> Bool[Tensor, " B"]:
    """From which clips the model predicts with whatever exists for them."""
    supported: Sequence[Subset] | None = getattr(model, "supported_subsets", None)
    if supported is None:
        return available.any(dim=1)
    masks = _masks(supported, available.shape[1]).to(available.device)
    return (available[:, None] == masks).all(dim=2).any(dim=1)


def _masks(subsets: Sequence[Subset], num_modalities: int) -> Bool[Tensor, "S M"]:
    masks = torch.zeros(len(subsets), num_modalities, dtype=torch.bool)
    for row, subset in enumerate(subsets):
        masks[row, list(subset)] = True
    return masks


def _names(modalities: ModalitySet, visible: Bool[Tensor, " M"]) -> str:
    return format_subset(tuple(visible.nonzero().flatten().tolist()), modalities)


def evaluate_subsets(
    model: SubsetClassifier,
    batches: Iterable[ClipBatch],
    *,
    classes: Sequence[str] | None = None,
    subjects: Mapping[str, str] | None = None,
    specialists: Mapping[str, float] | None = None,
    subsets: Iterable[Subset] | None = None,
    progress: Callable[[int], None] | None = None,
) -> RobustnessTable:
    """Score a model on the subsets of its modalities and count: `score_subsets`, then `RobustnessTable.from_scores`.

    Args:
        model: Any `SubsetClassifier`.
        batches: Ready for the model: floats, on its device.
        classes: Class names; None = the model's own `classes`.
        subjects: From sample id to subject, for intervals clustered by subject.
        specialists: Top-1 in percent of models trained on one subset alone, by subset.
        subsets: Which subsets to score; None = as `plan_subsets` says.
        progress: Called after each batch with the number of clips in it.

    Raises:
        ValueError: If no class names are given and the model has none, or as the two functions say.
    """
    names = classes if classes is not None else getattr(model, "classes", None)
    if names is None:
        raise ValueError(f"{type(model).__name__} has no class names: give evaluate_subsets(…, classes=[…])")
    scores = score_subsets(model, batches, classes=names, subjects=subjects, subsets=subsets, progress=progress)
    return RobustnessTable.from_scores(scores, specialists)

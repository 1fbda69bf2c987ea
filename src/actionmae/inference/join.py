"""Several model folders → one: specialists by late fusion, perhaps with fitted weights, or trainings of one model.

Legend: n clips, M modality, K classes, S subset.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from actionmae.core.subsets import all_subsets
from actionmae.data.manifest import read_manifest
from actionmae.data.splits import check_labels, rows_for_model, split_rows
from actionmae.inference.card import model_card
from actionmae.inference.evaluate import command_line
from actionmae.inference.scoring import ClipScorer
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model, read_config, save_model
from actionmae.nn.ensemble import Ensemble
from actionmae.nn.late_fusion import LateFusion

log = logging.getLogger(__name__)


def join_specialists(
    models: Mapping[str, Path],
    out: Path,
    *,
    manifest: Path | None = None,
    protocol: str = "split",
    split: str = "val",
    val_subjects: Sequence[str] = (),
) -> Path:
    """Write a `LateFusion` of model folders; their order is the order of the modalities.

    Args:
        models: By letter or name of its modality, a model folder that reads this modality alone.
        out: The new model folder.
        manifest: Clips to fit a weight and a temperature of each modality on; None = 1 each.
        protocol: Which of them are whose, as in `DataConfig`.
        split: Of the clips to fit on; never test what was fitted on.
        val_subjects: Training subjects that the specialists did not see, as in `DataConfig`.

    Returns:
        `out`.

    Raises:
        FileNotFoundError: If a model folder or the manifest does not exist.
        ValueError: If a model reads another modality than its word says or several, classes differ, or there is no clip
            to fit on.
    """
    specialists = []
    for word, folder in models.items():
        model = load_model(folder)
        known = [(spec.letter, spec.name) for spec in model.modalities]
        if word not in known[0]:
            names = ", ".join(f"{name} ({letter})" for letter, name in known)
            raise ValueError(f"{word}={folder} does not fit: this model reads {names}; name each by its own modality")
        specialists.append(model)
    fused = LateFusion(specialists)
    facts: dict[str, Any] = {"specialists": {word: _history(folder) for word, folder in models.items()}}
    if manifest is not None:
        read = read_manifest(manifest)
        rows = rows_for_model(
            read, split_rows(read, protocol=protocol, split=split, val_subjects=val_subjects), fused.modalities
        )
        check_labels(rows, fused.classes)
        fused = fit_late_fusion(fused, ClipScorer(rows, fused))
        facts |= {"fitted_on": {"manifest": str(manifest), "protocol": protocol, "split": split, "clips": len(rows)}}
    return _save(fused, out, facts)


def join_trainings(models: Sequence[Path], out: Path) -> Path:
    """Write an `Ensemble` of model folders.

    Args:
        models: Several trainings of one model.
        out: The new model folder.

    Returns:
        `out`.

    Raises:
        FileNotFoundError: If a model folder does not exist.
        ValueError: If there are fewer than two, or they differ in more than their weights.
    """
    joined = Ensemble([load_model(folder) for folder in models])
    return _save(joined, out, {"trainings": [_history(folder) for folder in models]})


def _history(folder: Path) -> dict[str, Any]:
    """Where a joined model comes from: its own provenance."""
    return {"folder": str(folder), **read_config(folder).provenance}


def _save(model: SavedModel, out: Path, facts: Mapping[str, Any]) -> Path:
    facts = {**facts, "command": command_line(), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    return save_model(model.eval(), out, provenance=facts, card=model_card(model, None, facts))


@torch.inference_mode()
def _log_probabilities(model: LateFusion, clips: ClipScorer) -> tuple[Tensor, Tensor, Tensor]:
    parts = [(model.encode(batch), batch.available, batch.labels) for batch in clips.batches(model)]
    tokens, available, labels = (torch.cat(column).cpu() for column in zip(*parts, strict=True))
    return tokens, available, labels


def fit_late_fusion(model: LateFusion, clips: ClipScorer) -> LateFusion:
    """The same specialists with the weights and temperatures that minimise the mean NLL over all subsets.

    Args:
        model: With weights and temperatures of 1.
        clips: Labelled ones that no specialist was trained on.
    """
    tokens, available, labels = (part.clone() for part in _log_probabilities(model, clips))
    weights, temperatures = fit_weights(tokens, available, labels)
    names = model.modalities.names
    log.info("weights %s", ", ".join(f"{name} {weight:.2f}" for name, weight in zip(names, weights, strict=True)))
    log.info("temperatures %s", ", ".join(f"{n} {t:.2f}" for n, t in zip(names, temperatures, strict=True)))
    return LateFusion(list(model._each()), weights=weights, temperatures=temperatures)


def fit_weights(
    log_probabilities: Float[Tensor, "n M K"], available: Bool[Tensor, "n M"], labels: Int64[Tensor, " n"]
) -> tuple[list[float], list[float]]:
    """Weight and temperature of each modality, by L-BFGS on the mean negative log-likelihood over all subsets.

    Args:
        log_probabilities: Of each specialist; those of missing modalities are not read.
        available: Which exist.
        labels: Class indices.
    """
    count = available.shape[1]
    masks = torch.zeros(2**count - 1, count, dtype=torch.bool)
    for row, subset in enumerate(all_subsets(count)):
        masks[row, list(subset)] = True
    kept = (masks[:, None] & available[None]).float()  # [S, n, M] what of the subset exists
    counts = kept.any(dim=2)
    log_probabilities = torch.where(available[..., None], log_probabilities, 0.0)
    logs = torch.zeros(2, count, requires_grad=True)
    optimizer = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        weights, temperatures = logs.exp()
        sharpened = (log_probabilities / temperatures[:, None]).log_softmax(dim=2) * weights[:, None]
        logits = torch.einsum("snm,nmk->snk", kept, sharpened)
        losses = cross_entropy(logits.flatten(0, 1), labels.repeat(len(masks)), reduction="none")
        value = losses[counts.flatten()].mean() + 1e-3 * logs.square().mean()  # the penalty decides where nothing else
        value.backward()  # type: ignore[no-untyped-call]  # torch's gap
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]  # torch's gap
    weights, temperatures = logs.detach().exp().tolist()
    return weights, temperatures

"""Score any `SubsetClassifier` on every subset of its modalities: encode once, then two light steps per subset.

Shapes: n clips, B batch, M modality, S subset, K classes. Masks are bool and True = present.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import nn

from actionmae.core.files import atomic_write
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset, all_subsets, format_subset
from actionmae.core.tensors import ClipBatch, SubsetClassifier

_FORMAT = 1
# The same clip scored in two batches of different size differs by rounding (most with bf16), never by more than this.
_ROUNDING = 5e-2


@dataclass(frozen=True, kw_only=True)
class SubsetScores:
    """The logits of n clips under every scored subset; all that tables and reports are made from.

    Attributes:
        modalities: The model's modalities, in order.
        classes: K class names, in the order of the logits.
        sample_ids: n names, unique, ascending.
        subjects: n subject names; "" = unknown.
        labels: [n] class indices, 0 to K − 1.
        available: [n, M] which modalities exist for the clip.
        logits: For each scored subset [n, K]; the rows of clips which lack a part of the subset are NaN.
    """

    modalities: ModalitySet
    classes: tuple[str, ...]
    sample_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: Int64[np.ndarray, " n"]
    available: Bool[np.ndarray, "n M"]
    logits: dict[Subset, Float32[np.ndarray, "n K"]]

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def subsets(self) -> tuple[Subset, ...]:
        """The scored subsets, in table order."""
        return tuple(self.logits)

    @property
    def full(self) -> Subset:
        """The subset of all modalities."""
        return tuple(range(len(self.modalities)))

    def has(self, subset: Subset) -> Bool[np.ndarray, " n"]:
        """Which clips count for this subset: those that have all of it, if it was scored at all."""
        return np.asarray(self.available[:, list(subset)].all(axis=1) & (subset in self.logits))

    def predicted(self, subset: Subset) -> Int64[np.ndarray, " n"]:
        """The most likely class of each clip from this subset; −1 where the clip lacks a part of it."""
        rows = self.has(subset)
        return np.where(rows, self.logits[subset].argmax(axis=1), -1) if rows.any() else np.full(len(self), -1)

    def recorded(self) -> Float32[np.ndarray, "n K"]:
        """Logits of each clip from just what exists for it; NaN where that subset was not scored."""
        out = np.full((len(self), len(self.classes)), np.nan, dtype=np.float32)
        for subset, logits in self.logits.items():
            rows = (self.available == _mask(subset, len(self.modalities))).all(axis=1)
            out[rows] = logits[rows]
        return out

    def save(self, path: Path) -> None:
        """Write as .npz without pickles; written beside and renamed into place."""
        meta = {
            "format": _FORMAT,
            "modalities": self.modalities.to_list(),
            "classes": self.classes,
            "subsets": self.subsets,
            "sample_ids": self.sample_ids,
            "subjects": self.subjects,
        }
        stack = np.stack(list(self.logits.values()))
        with atomic_write(path) as unfinished, unfinished.open("wb") as file:
            np.savez(file, meta=np.array(json.dumps(meta)), labels=self.labels, available=self.available, logits=stack)

    @classmethod
    def load(cls, path: Path) -> "SubsetScores":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no file of scores, or one of a newer format.
        """
        if not path.is_file():
            raise FileNotFoundError(f"no scores at {path}: run evaluate first, or give the path of its scores file")
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in ("labels", "available", "logits")}
                meta: dict[str, Any] = json.loads(str(file["meta"]))
        except (KeyError, ValueError, EOFError, BadZipFile) as error:
            raise ValueError(f"{path} is not a scores file ({error}): give one that evaluate wrote") from error
        if meta["format"] > _FORMAT:
            raise ValueError(
                f"{path} has scores format {meta['format']}, this version reads up to {_FORMAT}: update actionmae"
            )
        return cls(
            modalities=ModalitySet.from_list(meta["modalities"]),
            classes=tuple(meta["classes"]),
            sample_ids=tuple(meta["sample_ids"]),
            subjects=tuple(meta["subjects"]),
            labels=arrays["labels"],
            available=arrays["available"],
            logits={tuple(subset): arrays["logits"][at] for at, subset in enumerate(meta["subsets"])},
        )


def score_subsets(
    model: SubsetClassifier,
    batches: Iterable[ClipBatch],
    *,
    classes: Sequence[str],
    subjects: Mapping[str, str] | None = None,
    subsets: Iterable[Subset] | None = None,
    progress: Callable[[int], None] | None = None,
) -> SubsetScores:
    """Encode each clip once, then classify(*reconstruct(tokens, available & S)) for each subset S that it has.

    Args:
        model: Put into eval mode meanwhile, and back afterwards, where it is an `nn.Module`.
        batches: Ready for the model: floats, on its device. A clip that comes twice counts once.
        classes: K class names, in the order of the logits.
        subjects: From sample id to subject; clips without an entry have an unknown subject.
        subsets: Which to score (those that a method supports); None = all 2^M − 1.
        progress: Called after each batch with the number of clips in it.

    Raises:
        ValueError: If there is no clip, a label or the width of the logits does not fit `classes`, a subset names a
            slot that the model lacks, or the model's logits are not finite.
    """
    wanted = _wanted_subsets(subsets, len(model.modalities))
    shards = []
    with evaluating(model):
        for batch in batches:
            _check_labels(batch, len(classes))
            stack = _score_batch(model, batch, wanted, len(classes))
            shards.append(
                SubsetScores(
                    modalities=model.modalities,
                    classes=tuple(classes),
                    sample_ids=tuple(batch.sample_ids),
                    subjects=tuple((subjects or {}).get(sample, "") for sample in batch.sample_ids),
                    labels=batch.labels.cpu().numpy(),
                    available=batch.available.cpu().numpy(),
                    logits=dict(zip(wanted, stack, strict=True)),
                )
            )
            if progress is not None:
                progress(len(batch))
    return merge(shards)


def merge(shards: Sequence[SubsetScores]) -> SubsetScores:
    """Join the scores of several processes (or batches): each sample id once, in ascending order.

    Raises:
        ValueError: If there is no clip at all, the shards come from different models, or one sample id has different
            labels or logits in two places.
    """
    if not sum(map(len, shards)):
        raise ValueError("there is no clip to score: check the split and the protocol, they leave no test clip")
    first = shards[0]
    for shard in shards[1:]:
        for name in ("modalities", "classes", "subsets"):
            if getattr(shard, name) != getattr(first, name):
                raise ValueError(f"scores differ in their {name}: merge only scores of one model and one manifest")
    ids = np.array([sample for shard in shards for sample in shard.sample_ids])
    labels = np.concatenate([shard.labels for shard in shards])
    available = np.concatenate([shard.available for shard in shards])
    logits = np.stack([np.concatenate([shard.logits[subset] for shard in shards]) for subset in first.subsets])
    subjects = [subject for shard in shards for subject in shard.subjects]
    _, once, where = np.unique(ids, return_index=True, return_inverse=True)
    kept = once[where]  # for each row, the row that stands for its sample id
    same = (labels == labels[kept]) & (available == available[kept]).all(axis=1)
    same &= np.isclose(logits, logits[:, kept], rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True).all(axis=(0, 2))
    if not same.all():
        raise ValueError(
            f"clip {str(ids[~same][0])!r} was scored twice with different results: sample ids must be unique, "
            "and all shards must come from the same model"
        )
    return SubsetScores(
        modalities=first.modalities,
        classes=first.classes,
        sample_ids=tuple(str(sample) for sample in ids[once]),
        subjects=tuple(subjects[row] for row in once),
        labels=labels[once],
        available=available[once],
        logits={subset: logits[at, once] for at, subset in enumerate(first.subsets)},
    )


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


def _mask(subset: Subset, num_modalities: int) -> Bool[np.ndarray, " M"]:
    mask = np.zeros(num_modalities, dtype=bool)
    mask[list(subset)] = True
    return mask


def _wanted_subsets(subsets: Iterable[Subset] | None, num_modalities: int) -> list[Subset]:
    known = all_subsets(num_modalities)
    if subsets is None:
        return known
    wanted = {tuple(sorted(subset)) for subset in subsets}
    for subset in wanted:
        if subset not in known:
            raise ValueError(
                f"subset {subset} does not fit {num_modalities} modalities: "
                f"give non-empty tuples of different slots 0–{num_modalities - 1}"
            )
    if not wanted:
        raise ValueError("no subset was given: give at least one, or None for all")
    return [subset for subset in known if subset in wanted]


def _check_labels(batch: ClipBatch, num_classes: int) -> None:
    outside = ((batch.labels < 0) | (batch.labels >= num_classes)).nonzero().flatten().tolist()
    if outside:
        raise ValueError(
            f"clip {batch.sample_ids[outside[0]]!r} has label {int(batch.labels[outside[0]])}: "
            f"scoring needs labels 0–{num_classes - 1}; check that the class names are the model's"
        )


@torch.inference_mode()
def _score_batch(
    model: SubsetClassifier, batch: ClipBatch, subsets: list[Subset], num_classes: int
) -> Float32[np.ndarray, "S B K"]:
    """All subsets of a batch in one call of the light steps: each (subset, clip that has all of it) is one row."""
    tokens = model.encode(batch)
    masks = torch.tensor(np.stack([_mask(subset, len(model.modalities)) for subset in subsets]))
    masks = masks.to(batch.available.device)  # [S, M]
    fits = (batch.available[None] | ~masks[:, None]).all(dim=2)  # [S, B]
    which, row = fits.nonzero(as_tuple=True)
    out = np.full((len(subsets), len(batch), num_classes), np.nan, dtype=np.float32)
    if not len(row):
        return out
    logits = model.classify(*model.reconstruct(tokens[row], masks[which])).float().cpu().numpy()
    if logits.shape[1] != num_classes:
        raise ValueError(
            f"the model gives {logits.shape[1]} logits but {num_classes} class names were given: give the model's own"
        )
    if not np.isfinite(logits).all():
        bad = int((~np.isfinite(logits)).any(axis=1).argmax())
        name = format_subset(subsets[int(which[bad])], model.modalities)
        raise ValueError(
            f"the logits of clip {batch.sample_ids[int(row[bad])]!r} from {name} are not finite: "
            "check its recording for broken values and the training log for divergence"
        )
    out[which.cpu().numpy(), row.cpu().numpy()] = logits
    return out

"""The logits of clips under every scored subset of the modalities: all that tables and reports are made from. No torch.

Shapes: n clips, M modality, S subset, K classes. Masks are bool and True = present.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from actionmae.core.files import atomic_write
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset
from actionmae.evaluation.scores_file import FORMAT, read_scores_file

# The same clip scored in two batches of different size differs by rounding (most with bf16), never by more than this.
_ROUNDING = 5e-2


@dataclass(frozen=True, kw_only=True)
class SubsetScores:
    """The logits of n clips under every scored subset.

    Attributes:
        modalities: The model's modalities, in order.
        classes: K class names, in the order of the logits.
        sample_ids: n names, unique, ascending.
        subjects: n subject names; "" = unknown.
        labels: [n] class indices, 0 to K − 1.
        available: [n, M] which modalities exist for the clip.
        logits: For each scored subset [n, K]; the rows of clips which lack a part of the subset are NaN.
        sampled: Whether the scored subsets of 3 to M − 2 modalities are a random sample of all (`plan_subsets`).
        own_logits: [n, K] of each clip from just what exists for it; None = these subsets are among the scored ones.
    """

    modalities: ModalitySet
    classes: tuple[str, ...]
    sample_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: Int64[np.ndarray, " n"]
    available: Bool[np.ndarray, "n M"]
    logits: dict[Subset, Float32[np.ndarray, "n K"]]
    sampled: bool = False
    own_logits: Float32[np.ndarray, "n K"] | None = None

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
        """The most likely class of each clip from this subset; −1 where the clip does not count for it."""
        rows = self.has(subset)
        return np.where(rows, self.logits[subset].argmax(axis=1), -1) if rows.any() else np.full(len(self), -1)

    def recorded(self) -> Float32[np.ndarray, "n K"]:
        """Logits of each clip from just what exists for it; NaN where that subset was not scored."""
        if self.own_logits is not None:
            return self.own_logits
        out = np.full((len(self), len(self.classes)), np.nan, dtype=np.float32)
        for subset, logits in self.logits.items():
            rows = self.has(subset) & (self.available.sum(axis=1) == len(subset))
            out[rows] = logits[rows]
        return out

    def save(self, path: str | Path) -> None:
        """Write as .npz without pickles, whole or not at all."""
        meta = {
            "format": FORMAT,
            "modalities": self.modalities.to_list(),
            "classes": self.classes,
            "subsets": self.subsets,
            "sample_ids": self.sample_ids,
            "subjects": self.subjects,
            "sampled": self.sampled,
        }
        arrays: dict[str, Any] = {
            "labels": self.labels,
            "available": self.available,
            "logits": np.stack(list(self.logits.values())),
        }
        if self.own_logits is not None:
            arrays["own_logits"] = self.own_logits
        with atomic_write(Path(path)) as unfinished, unfinished.open("wb") as file:
            np.savez(file, meta=np.array(json.dumps(meta)), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "SubsetScores":
        """Read what `save` wrote, in this or an older format.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no file of scores, is damaged or was edited, or has a newer format.
        """
        meta, arrays = read_scores_file(Path(path))
        return cls(
            modalities=ModalitySet.from_list(meta.modalities),
            classes=tuple(meta.classes),
            sample_ids=tuple(meta.sample_ids),
            subjects=tuple(meta.subjects),
            labels=arrays["labels"],
            available=arrays["available"],
            logits=dict(zip(meta.subsets, arrays["logits"], strict=True)),
            sampled=meta.sampled,
            own_logits=arrays.get("own_logits"),
        )


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
        for name in ("modalities", "classes", "subsets", "sampled"):
            if getattr(shard, name) != getattr(first, name):
                raise ValueError(f"scores differ in their {name}: merge only scores of one model and one manifest")
    ids = np.array([sample for shard in shards for sample in shard.sample_ids])
    subjects = [subject for shard in shards for subject in shard.subjects]
    _, once, where = np.unique(ids, return_index=True, return_inverse=True)
    again = np.flatnonzero(once[where] != np.arange(len(ids)))

    def join(parts: Sequence[np.ndarray]) -> np.ndarray:
        """The rows of all shards, each clip once; those of a clip that comes again must be the same."""
        rows = np.concatenate(parts)
        same = np.isclose(rows[again], rows[once[where[again]]], rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True)
        differ = again[~same.all(axis=tuple(range(1, same.ndim)))]
        if len(differ):
            raise ValueError(
                f"clip {str(ids[differ[0]])!r} was scored twice with different results: sample ids must be unique, "
                "and all shards must come from the same model"
            )
        return np.asarray(rows[once])

    own = [shard.own_logits for shard in shards if shard.own_logits is not None]
    return dataclasses.replace(
        first,
        sample_ids=tuple(str(sample) for sample in ids[once]),
        subjects=tuple(subjects[row] for row in once),
        labels=join([shard.labels for shard in shards]),
        available=join([shard.available for shard in shards]),
        logits={subset: join([shard.logits[subset] for shard in shards]) for subset in first.subsets},
        own_logits=join(own) if own else None,
    )

"""The file of scores (.npz without pickles), checked when it is read: sizes first, then form and content. No torch."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import msgspec
import numpy as np

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset

FORMAT = 2
"""Format 1 had neither `sampled` nor `own_logits`."""


@dataclass(frozen=True, kw_only=True)
class ScoresMeta:
    """All of a file of scores that is not numbers; the attributes are those of `SubsetScores`."""

    format: int
    modalities: list[dict[str, Any]]
    classes: list[str]
    subsets: list[Subset]
    sample_ids: list[str]
    subjects: list[str]
    sampled: bool = False


def read_scores_file(path: Path) -> tuple[ScoresMeta, dict[str, np.ndarray]]:
    """Read and check a file of scores.

    Returns:
        What describes the scores, and the arrays: labels [n] int64, available [n, M] bool, logits [S, n, K] float32,
        and where they were saved own_logits [n, K] float32.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no file of scores, is damaged or was edited, or has a newer format.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no scores at {path}: run evaluate first, or give the path of its scores file")
    try:
        with ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
                raise ValueError("it declares more bytes than it has")
            meta = msgspec.json.decode(str(_array(archive, "meta")), type=ScoresMeta)
            if meta.format <= FORMAT:
                names = ["labels", "available", "logits"]
                names += ["own_logits"] if "own_logits.npy" in archive.namelist() else []
                arrays = {name: _array(archive, name) for name in names}
                _check(meta, arrays)
    except Exception as error:  # zipfile and NumPy raise a dozen kinds of errors on damaged files
        raise ValueError(
            f"{path} is not a scores file, or it is damaged ({error}): give one that evaluate wrote"
        ) from error
    if meta.format > FORMAT:
        raise ValueError(f"{path} has scores format {meta.format}, this version reads up to {FORMAT}: update actionmae")
    return meta, arrays


def _array(archive: ZipFile, name: str) -> np.ndarray:
    """One array, after its declared size was compared with the bytes that are there."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != ZIP_STORED:
        raise ValueError(f"{name} is compressed, which evaluate never does")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if math.prod(shape) * dtype.itemsize != entry.file_size - file.tell():
            raise ValueError(f"{name} declares {dtype} {shape} but has {entry.file_size} bytes")
    with archive.open(entry) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _check(meta: ScoresMeta, arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError unless the parts fit each other and every number is a possible one."""
    n, size, width = len(meta.sample_ids), len(ModalitySet.from_list(meta.modalities)), len(meta.classes)
    forms = {
        "labels": ("int64", (n,)),
        "available": ("bool", (n, size)),
        "logits": ("float32", (len(meta.subsets), n, width)),
        "own_logits": ("float32", (n, width)),
    }
    for name, array in arrays.items():
        if (array.dtype.name, array.shape) != forms[name]:
            raise ValueError(f"{name} is {array.dtype} {array.shape}")
    labels, available, logits = arrays["labels"], arrays["available"], arrays["logits"]
    if meta.format < 1 or not n or not meta.subsets or len(meta.subjects) != n or len(set(meta.sample_ids)) < n:
        raise ValueError("its lists do not fit each other")
    if not ((labels >= 0) & (labels < width)).all():
        raise ValueError(f"a label lies outside 0–{width - 1}")
    if len(set(meta.subsets)) < len(meta.subsets):
        raise ValueError("a subset comes twice")
    for subset, values in zip(meta.subsets, logits, strict=True):
        if not subset or sorted(set(subset)) != list(subset) or not 0 <= subset[0] <= subset[-1] < size:
            raise ValueError(f"{list(subset)} is no subset of {size} modalities")
        if (np.isfinite(values).all(axis=1) != available[:, list(subset)].all(axis=1)).any():
            raise ValueError("logits are missing, or there are some of clips that lack the subset")

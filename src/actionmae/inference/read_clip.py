"""A clip's recordings → a sample; a broken recording becomes a missing one if others are left. No torch."""

import os
from collections.abc import Mapping

from numpy.typing import ArrayLike

from actionmae.core.modality import ModalitySet
from actionmae.data.cell import Cell
from actionmae.data.cell_text import as_cell
from actionmae.data.reading.readers import FrameReader, array_reader, open_reader
from actionmae.inference.read_stored import StoredSample, read_stored, warn_of_clocks

Source = Cell | str | os.PathLike[str] | ArrayLike
"""A path (video, folder of images, .mat, .npy, .skeleton), a cell of a manifest, or an array or tensor, time first."""

Broken = dict[str, str]
"""Why a recording cannot be used, by modality."""


def open_recordings(
    sample: str, sources: Mapping[str, Source], modalities: ModalitySet, *, all_exist: bool
) -> tuple[dict[str, FrameReader], Broken]:
    """Open what can be opened.

    Args:
        sample: Name of the clip.
        sources: By modality.
        modalities: The model's.
        all_exist: Refuse a path where nothing is; otherwise it is one more broken recording.

    Returns:
        Readers of the good recordings, at least one, and the reasons of the others.

    Raises:
        FileNotFoundError: If a path, or every path, does not exist.
        TypeError: If the sources are no mapping, or one is neither a path nor an array.
        ValueError: If a modality is unknown, an array does not fit, or no recording can be opened.
    """
    if not isinstance(sources, Mapping):
        raise TypeError(f"{sample} is {type(sources).__name__}: give a mapping of modalities to recordings")
    if not sources:
        raise ValueError(f"{sample} has no recording: give at least one of {', '.join(modalities.names)}")
    readers: dict[str, FrameReader] = {}
    errors: dict[str, Exception] = {}
    for name, source in sources.items():
        spec = modalities[modalities.index(name)]
        if not isinstance(source, Cell | str | os.PathLike):
            readers[name] = array_reader(source, spec, name=f"the {name} array")
            continue
        try:
            cell = as_cell(source)
            if all_exist and cell.path in cell.missing:  # named by a person, not by a manifest
                raise FileNotFoundError(f"{name} recording {cell} does not exist: check its path")
            readers[name] = open_reader(cell, spec)
        except (ValueError, OSError) as error:
            if all_exist and isinstance(error, FileNotFoundError):
                raise
            errors[name] = error
    if not readers:
        raise next(iter(errors.values()))
    return readers, {name: str(error) for name, error in errors.items()}


def read_readable(
    sample: str, readers: Mapping[str, FrameReader], modalities: ModalitySet
) -> tuple[StoredSample, Broken]:
    """The sample of the recordings that can be read to the end, as a test clip is read.

    Raises:
        OSError: If none can be read.
        ValueError: If none can be read, or each can but not together (their clocks do not meet).
    """
    warn_of_clocks(sample, readers)
    try:
        return read_stored(sample, readers, modalities), {}
    except (ValueError, OSError):
        reasons = {name: _why_unreadable(name, reader, modalities) for name, reader in readers.items()}
        broken = {name: reason for name, reason in reasons.items() if reason}
        if not broken or len(broken) == len(readers):
            raise
    good = {name: reader for name, reader in readers.items() if name not in broken}
    return read_stored(sample, good, modalities), broken


def _why_unreadable(name: str, reader: FrameReader, modalities: ModalitySet) -> str:
    try:
        read_stored(name, {name: reader}, modalities)
    except (ValueError, OSError) as error:
        return str(error)
    return ""

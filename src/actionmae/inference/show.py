"""Clips as the network gets them → one picture in a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from actionmae.core.files import atomic_write
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import ClipRow
from actionmae.inference.as_seen import as_seen
from actionmae.inference.contact_sheet import contact_sheet


def show_clips(rows: Sequence[ClipRow], modalities: ModalitySet, out: Path) -> None:
    """Draw clips after choice of frames, crop and evaluation transform, one below the other.

    Args:
        rows: The clips, at least one.
        modalities: What is shown of them, and at which size.
        out: Picture to write, .png.

    Raises:
        FileNotFoundError: If a recording does not exist.
        ValueError: If a recording is broken, a clip has none of the modalities, or `out` is no .png.
    """
    if out.suffix.lower() != ".png":
        raise ValueError(f"out is {out}: give a file name that ends in .png")
    pictures = []
    for row in rows:
        title = f"{row.sample}: {row.label}" if row.label else row.sample
        missing = [name for name in modalities.names if name not in row.files]
        pictures.append(contact_sheet(title, as_seen(row.files, modalities, row.sample), missing))
    with atomic_write(out) as unfinished:
        Image.fromarray(np.concatenate(pictures)).save(unfinished, format="png")

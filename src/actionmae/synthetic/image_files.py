"""Folders of images that are whole or absent. No torch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a path to write into; at the end it replaces what is at `folder`."""
    unfinished = folder.with_name("unfinished-" + folder.name)
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.mkdir(parents=True)
    yield unfinished
    unfinished.rename(folder)


def write_image(path: Path, image: NDArray[Any]) -> None:
    """Encode one image in the format that its name ends in.

    Args:
        path: `.png` or `.jpg`.
        image: [h, w] uint16 or uint8, or [h, w, 3] uint8 RGB.
    """
    quick = [cv2.IMWRITE_PNG_COMPRESSION, 1] if path.suffix == ".png" else []
    written, data = cv2.imencode(path.suffix, image if image.ndim == 2 else image[..., ::-1], quick)
    if not written:
        raise RuntimeError(f"OpenCV could not encode {path}")
    path.write_bytes(data.tobytes())

"""NumPy files of one numeric array, whose header is checked against the file before memory is taken. No torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.data.regular_file import MOST_BYTES, require_regular


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a `.npy` file.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no such file, cut off, too large, or holds no numbers; names the file.
    """
    size = require_regular(path)
    try:
        shape, dtype, start = _read_header(path)
    except Exception as error:  # the header is a Python literal, and a damaged one fails in any of the parser's ways
        raise ValueError(
            f"{path} cannot be read as a NumPy file ({str(error)[:200]}): save one numeric array"
        ) from error
    if dtype.kind not in "iufb":
        raise ValueError(f"{path} holds {dtype} instead of numbers: save one numeric array")
    wanted = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or wanted > size - start:
        raise ValueError(f"{path} has {size - start} bytes for an array of shape {shape}: it is cut off, save it again")
    if wanted > MOST_BYTES:
        raise ValueError(f"{path} holds {wanted:,} bytes: {MOST_BYTES:,} at most are read, cut or convert it")
    array: NDArray[Any] = np.load(path, allow_pickle=False)
    return array


def _read_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, type, and where the array begins."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version[0]}.{version[1]}")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        return shape, dtype, file.tell()

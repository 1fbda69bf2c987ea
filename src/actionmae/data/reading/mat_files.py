"""MATLAB files of one numeric array, both what `save` writes by itself and with `-v7.3` (an HDF5 file). No torch.

What a file declares is checked before memory is taken, and nothing outside of it is read: HDF5 knows links to other
files, data in other files, and arrays put together from other files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actionmae.data.reading.mat_level5 import level_5_arrays
from actionmae.data.regular_file import MOST_BYTES, require_regular

if TYPE_CHECKING:
    import h5py

_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512  # MATLAB writes its own header before the HDF5 file
_MOST_PACKED = 10_000  # doubles may be stored as bytes, and zlib makes at most a thousandth of them


def read_mat(path: Path) -> NDArray[Any]:
    """The only numeric array of a MATLAB file, with MATLAB's axes; texts, cells and structures beside it do not count.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If the file is broken, holds another number of arrays, or too large a one, or refers to other files;
            names the file.
    """
    size = require_regular(path, most_bytes=MOST_BYTES)
    try:
        return _read_hdf5(path, size) if _is_hdf5(path) else _read_level_5(path)
    except _Refused as refused:
        raise ValueError(f"{path} {refused}") from None
    except Exception as error:  # a damaged file fails in any of zlib's and HDF5's ways
        raise ValueError(
            f"{path} cannot be read as a MATLAB file ({str(error)[:200]}): save it again with -v7"
        ) from error


class _Refused(Exception):  # noqa: N818  # no error to whoever sees it: it never leaves this file
    """A file that can be read, but not used; becomes a ValueError with the file's name."""


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(_USER_BLOCK + len(_HDF5))
    return start.startswith(_HDF5) or start[_USER_BLOCK:] == _HDF5


def _read_level_5(path: Path) -> NDArray[Any]:
    content = path.read_bytes()
    arrays = list(level_5_arrays(content))
    _require_one([array.name for array in arrays])
    _require_size(arrays[0].nbytes, len(content))
    return arrays[0].read()


def _read_hdf5(path: Path, size: int) -> NDArray[Any]:
    import h5py  # slow to import, and only these files need it

    with h5py.File(path, "r") as file:
        for name in file:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise _Refused(f"has a link {name!r}, perhaps to another file: save the array itself")
        arrays = [each for each in file.values() if isinstance(each, h5py.Dataset) and _has_numbers(each)]
        _require_one([array.name.lstrip("/") for array in arrays])
        array = arrays[0]
        if array.external or array.is_virtual:
            raise _Refused("keeps its array in another file: save the array itself")
        _require_size(math.prod(array.shape or (0,)) * array.dtype.itemsize, size)
        return np.asarray(array).T  # HDF5 counts the axes from the other end


def _has_numbers(array: h5py.Dataset) -> bool:
    """MATLAB says of its texts, which are numbers to HDF5, that they are texts."""
    return array.dtype.kind in "iufb" and array.attrs.get("MATLAB_class", b"") != b"char"


def _require_one(names: Sequence[str]) -> None:
    if len(names) != 1:
        listed = f" ({', '.join(names)})" if names else ""
        raise _Refused(f"holds {len(names)} numeric arrays{listed}: keep exactly one")


def _require_size(wanted: int, size: int) -> None:
    if wanted > min(MOST_BYTES, _MOST_PACKED * size):
        raise _Refused(
            f"declares an array of {wanted:,} bytes in a file of {size:,}: it is damaged, or too large (at most "
            f"{MOST_BYTES:,} bytes are read)"
        )

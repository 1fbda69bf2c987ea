"""MATLAB files of one numeric array, both what `save` writes by itself and with `-v7.3` (an HDF5 file). No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512  # MATLAB writes its own header before the HDF5 file


def read_mat(path: Path) -> NDArray[Any]:
    """The only array of a MATLAB file, with MATLAB's axes.

    Raises:
        ValueError: If the file is broken, holds another number of arrays, or no numbers; names the file.
    """
    try:
        arrays = _read_hdf5(path) if _is_hdf5(path) else _read_level_5(path)
    except Exception as error:  # a damaged file fails in any of SciPy's, zlib's and HDF5's ways
        raise ValueError(f"{path} cannot be read as a MATLAB file ({error}): save it again with -v7") from error
    if len(arrays) != 1:
        raise ValueError(f"{path} holds {len(arrays)} arrays ({', '.join(arrays)}): keep exactly one")
    (array,) = arrays.values()
    if array.dtype.kind not in "iufb":
        raise ValueError(f"{path} holds {array.dtype} instead of numbers: save one numeric array")
    return array


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(_USER_BLOCK + len(_HDF5))
    return start.startswith(_HDF5) or start[_USER_BLOCK:] == _HDF5


def _read_level_5(path: Path) -> dict[str, NDArray[Any]]:
    from scipy.io import loadmat  # slow to import, and only MATLAB files need it

    content = loadmat(path)
    return {
        name: value for name, value in content.items() if not name.startswith("__") and isinstance(value, np.ndarray)
    }


def _read_hdf5(path: Path) -> dict[str, NDArray[Any]]:
    import h5py

    with h5py.File(path) as file:  # HDF5 counts the axes from the other end
        return {name: np.asarray(each).T for name, each in file.items() if isinstance(each, h5py.Dataset)}

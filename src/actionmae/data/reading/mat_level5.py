"""The arrays of a MATLAB file of level 5 (`save`, and with `-v6`, `-v7`), as MathWorks' "MAT-File Format" describes it.

SciPy's reader takes memory for whatever a header claims, and a damaged type of numbers ends its process. No torch.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = 128
_ORDERS = {b"IM": "<", b"MI": ">"}
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = range(6, 16)  # MATLAB's classes double, single, int8 … uint64, to which logical belongs
# How the numbers are stored, whatever their class: doubles that are whole and small are stored as bytes.
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_COMPLEX = 0x800
_NAMES_WITHIN = 1 << 12  # bytes in which an array's header ends


@dataclass(frozen=True, kw_only=True)
class Level5Array:
    """One array of numbers.

    Attributes:
        name: MATLAB's.
        shape: Its axes.
        dtype: As stored.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _element: memoryview
    _compressed: bool
    _order: str
    _data: int

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> NDArray[Any]:
        """The numbers.

        Raises:
            ValueError: If the data are damaged, or not as many as the shape says.
        """
        count = math.prod(self.shape)
        most = self._data + 16 + self.nbytes
        matrix = _inflate(self._element, most, whole=True) if self._compressed else self._element
        _, start, size, _ = _part(matrix, self._data, self._order)
        if size != self.nbytes:
            raise ValueError(f"{size} bytes for an array of shape {self.shape} and type {self.dtype}")
        numbers = np.frombuffer(matrix, self.dtype, count, start)
        return numbers.astype(self.dtype.newbyteorder("="), copy=False).reshape(self.shape, order="F")


def level_5_arrays(content: bytes) -> Iterator[Level5Array]:
    """The arrays of real numbers in a file; texts, cells, structures and sparse matrices are passed over.

    Raises:
        ValueError: If the file is damaged, or of another level.
        struct.error: Likewise.
        zlib.error: Likewise.
    """
    order = _ORDERS.get(content[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("it is not of level 5")
    at = _HEADER
    while at + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        element, at = memoryview(content)[at + 8 : at + 8 + size], at + 8 + size
        if len(element) < size:
            raise ValueError("it is cut off")
        if kind in (_MATRIX, _COMPRESSED):
            array = _array(element, kind == _COMPRESSED, order)
            if array is not None:
                yield array


def _array(element: memoryview, compressed: bool, order: str) -> Level5Array | None:
    """An array by its header; None = it holds no real numbers."""
    matrix = _inflate(element, _NAMES_WITHIN) if compressed else element
    _, start, _, at = _part(matrix, 0, order)
    flags = struct.unpack_from(f"{order}I", matrix, start)[0]
    if flags & 0xFF not in _NUMBERS or flags & _COMPLEX:
        return None
    _, start, size, at = _part(matrix, at, order)
    shape = struct.unpack_from(f"{order}{size // 4}i", matrix, start)
    if min(shape, default=-1) < 0:
        raise ValueError(f"an array of shape {shape}")
    _, start, size, at = _part(matrix, at, order)
    stored = _part(matrix, at, order)[0]
    if stored not in _STORED:
        raise ValueError(f"numbers of type {stored}")
    return Level5Array(
        name=bytes(matrix[start : start + size]).decode("latin-1"),
        shape=shape,
        dtype=np.dtype(order + _STORED[stored]),
        _element=element,
        _compressed=compressed,
        _order=order,
        _data=at,
    )


def _inflate(element: memoryview, most: int, *, whole: bool = False) -> memoryview:
    """What a compressed element holds, without the 8 bytes of its own tag, at most so many bytes."""
    inflated = zlib.decompressobj()
    content = inflated.decompress(element, most + 8)
    if whole and not inflated.eof:
        raise ValueError("its compressed data do not end")
    return memoryview(content)[8:]


def _part(matrix: memoryview, at: int, order: str) -> tuple[int, int, int, int]:
    """Type, start and size of the part at this place, and where the next one begins."""
    first, second = struct.unpack_from(f"{order}II", matrix, at)
    if first >> 16:  # up to four bytes lie within the tag
        return first & 0xFFFF, at + 4, first >> 16, at + 8
    return first, at + 8, second, at + 8 + (second + 7) // 8 * 8

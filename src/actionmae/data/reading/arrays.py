"""An array, as a file or a user gives it → the form that `FrameReader.read` promises for its modality. No torch.

Shapes: T time, h w pixels, c channels, P persons, J joints.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySpec
from actionmae.data.reading.levels import eight_bits

Array = NDArray[Any]


def as_kind(array: Array, spec: ModalitySpec, name: object) -> Array:
    """Check an array against its modality and give it its form.

    Args:
        array: Time first.
        spec: The modality.
        name: What errors call the array.

    Raises:
        ValueError: If the array does not fit the modality, has no frames, or NaN.
    """
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"{name} has no frames: record or convert it again")
    if spec.kind == "frames":
        return _as_images(array, spec, name)
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is refused below
        array = array.astype(np.float32)
    if spec.kind == "joints":
        return _as_joints(array, spec, name)
    wanted = spec.shape[0]
    if array.ndim != 2 or array.shape[1] != wanted:
        raise ValueError(
            f"{name} has shape {array.shape}: {spec.name} needs (time, {wanted}); change the modality's shape if "
            "the file is right"
        )
    _refuse_nan(array, spec, name)
    return array


def _as_images(array: Array, spec: ModalitySpec, name: object) -> Array:
    channels = {"color": 3, "gray": 1, "flow": 2, "depth": 1}[spec.value]
    dtype = np.uint16 if spec.value == "depth" else np.uint8
    if array.ndim == 3:
        array = array[..., None]
    if spec.value == "gray" and array.dtype == np.uint16:
        array = eight_bits(array, spec.value_range)
    if array.ndim != 4 or array.shape[3] != channels:
        raise ValueError(f"{name} has shape {array.shape}: {spec.name} needs (time, height, width, {channels})")
    if array.dtype != dtype and not (dtype == np.uint16 and array.dtype == np.int16 and array.min() >= 0):
        raise ValueError(f"{name} is {array.dtype}: {spec.name} needs {np.dtype(dtype)}, depth in millimetres")
    return array.astype(dtype, copy=False)


def _as_joints(array: Array, spec: ModalitySpec, name: object) -> Array:
    """Time first → [T, P, J, 3]; a person whose coordinates are all 0 or all NaN is absent.

    One person is [T, J, 3], [T, 3, J] or [T, 3·J] (x, y, z of each joint in turn), several are [T, P, J, 3].
    """
    persons, joints, _ = spec.shape
    given = array.shape
    if given[1:] == (3, joints) and joints != 3:
        array = array.swapaxes(1, 2)
    elif given[1:] == (3 * joints,):
        array = array.reshape(-1, joints, 3)
    if array.ndim == 3:
        _refuse_nan(array, spec, name)
        array = array[:, None]
    if array.ndim != 4 or array.shape[2:] != (joints, 3):
        raise ValueError(
            f"{name} has shape {given}: {spec.name} needs (time, {joints}, 3) or (time, persons, {joints}, 3); "
            "change the modality's shape if the file is right"
        )
    array = array[:, :persons]
    absent = (np.isnan(array) | (array == 0)).all(axis=(2, 3))
    _refuse_nan(np.where(absent[:, :, None, None], 0, array), spec, name)
    if absent.all():
        raise ValueError(f"{name} holds no person in any frame: leave this cell of the manifest empty")
    out = np.full((len(array), persons, joints, 3), np.nan, dtype=np.float32)
    out[:, : array.shape[1]] = np.where(absent[:, :, None, None], np.nan, array)
    return out


def _refuse_nan(array: Array, spec: ModalitySpec, name: object) -> None:
    bad = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} has NaN or infinite values in frame {int(bad.argmax())}: repair the {spec.name} recording or "
            "leave its cell of the manifest empty"
        )

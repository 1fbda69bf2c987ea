"""One way to read every form of recording: `open_reader` gives a `FrameReader`. No torch.

| form | kinds | which axis is time |
| --- | --- | --- |
| video file (see `video`) | frames | |
| folder of images, or some of its files | frames | the number in the file's name |
| one text per frame, as NW-UCLA has them (see `skeleton_frames`) | joints | the number in the file's name |
| `.skeleton` text of NTU RGB+D (see `skeleton_text`) | joints | |
| table in a text (see `text_table`) | all but frames | the line |
| `.mat` with one array | all | frames and joints: the last; signal and features: the first |
| `.npy` | all | the first |

A cell may choose frames of a recording, and say when they were taken (see `cell` and `clock`). Where it does not, and a
video says that its frames are uneven, as many evenly spaced ones are given, each the nearest in time.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from actionmae.core.modality import ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.cell_text import TABLES, as_cell
from actionmae.data.reading.arrays import as_kind
from actionmae.data.reading.clock import choose_frames, even_frames, frame_seconds
from actionmae.data.reading.frame_files import IMAGES, TEXTS, frame_number, list_frames
from actionmae.data.reading.image_folder import ImageFolder
from actionmae.data.reading.mat_files import read_mat
from actionmae.data.reading.npy_files import read_npy
from actionmae.data.reading.skeleton_frames import read_skeleton_frames
from actionmae.data.reading.skeleton_text import read_skeleton_text
from actionmae.data.reading.text_table import TextTable
from actionmae.data.reading.video import VideoReader

Array = NDArray[Any]
Indices = Sequence[int] | NDArray[np.int64]


@runtime_checkable
class FrameReader(Protocol):
    """One recording of one modality.

    Attributes:
        num_frames: Frames (joints, features: time steps; signal: samples), at least 1.
        fps: Frames or samples per second, or None if unknown.
        times: [num_frames] seconds of the frames on the clip's clock, never falling; None = no clock.
        window: (start, end) seconds of the clip; None = as long as these frames last.
    """

    num_frames: int
    fps: float | None
    times: NDArray[np.float64] | None
    window: tuple[float, float] | None

    def read(self, indices: Indices) -> Array:
        """The frames at `indices`, numbers 0…num_frames − 1 (ascending, repeats allowed).

        Returns:
            frames [n, h, w, c] uint8 or uint16; joints [n, P, J, 3] float32, all NaN where a person is absent;
            signal [n, C] float32; features [n, C] float32.
        """
        ...

    def images(self, indices: Indices) -> Iterator[Array]:
        """The same one by one, each as it is decoded, so that only one is in memory."""
        ...


class ArrayReader:
    """A `FrameReader` over an array in memory, time first."""

    times: NDArray[np.float64] | None = None
    window: tuple[float, float] | None = None

    def __init__(self, array: Array, fps: float | None) -> None:
        self._array = array
        self.num_frames = len(array)
        self.fps = fps

    def read(self, indices: Indices) -> Array:
        """See `FrameReader.read`."""
        return self._array[np.asarray(indices, dtype=np.int64)]

    def images(self, indices: Indices) -> Iterator[Array]:
        """See `FrameReader.images`."""
        return (self._array[int(index)] for index in indices)


class ChosenFrames:
    """Some or all frames of a recording, with times of their own.

    Args:
        reader: The whole recording.
        frames: [n] the chosen frames, ascending.
        times: Of the chosen frames; see `FrameReader`.
        window: See `FrameReader`.
        fps: See `FrameReader`; None = as the whole recording's.
    """

    def __init__(
        self,
        reader: FrameReader,
        frames: NDArray[np.int64],
        times: NDArray[np.float64] | None,
        window: tuple[float, float] | None,
        fps: float | None = None,
    ) -> None:
        self.times = times
        self.window = window
        self.num_frames = len(frames)
        self.fps = fps or reader.fps
        self._reader = reader
        self._frames = frames

    def read(self, indices: Indices) -> Array:
        """See `FrameReader.read`."""
        return self._reader.read(self._frames[np.asarray(indices, dtype=np.int64)])

    def images(self, indices: Indices) -> Iterator[Array]:
        """See `FrameReader.images`."""
        return self._reader.images(self._frames[np.asarray(indices, dtype=np.int64)])


def frames_of(reader: FrameReader) -> Iterator[Array]:
    """All frames in order, one in memory at a time; see `FrameReader.images`."""
    return reader.images(range(reader.num_frames))


def open_reader(source: Cell | os.PathLike[str] | str, spec: ModalitySpec) -> FrameReader:
    """Open one recording; the form is told by the file's name, the meaning by the modality.

    Args:
        source: A file, or a folder of images; as a cell of a manifest it may choose frames and name a clock.
        spec: The modality. Joints: fewer persons than P are filled up with absent ones, further persons are left out.

    Raises:
        FileNotFoundError: If nothing is there.
        TypeError: If `source` is no path.
        ValueError: If the form does not suit the modality's kind, the content is broken, or frames or clock do not fit;
            names the file.
    """
    cell = as_cell(source)
    if cell.path in cell.missing:
        raise FileNotFoundError(f"{spec.name} recording {cell} does not exist: check the manifest's cell")
    if cell.missing:
        raise FileNotFoundError(f"the times {cell.missing[0]} of {spec.name} recording {cell} do not exist")
    reader = _open_folder(cell, spec) if cell.path.is_dir() else _open_file(cell, spec)
    moments = reader.moments if isinstance(reader, VideoReader) else None
    whole = cell.clock is None and cell.window is None and (cell.path.is_dir() or not cell.frames)
    if whole and moments is None:
        return reader
    # A folder's reader has only the files that were chosen by their numbers, but the clock speaks of all.
    every = _chosen_files(cell, spec) if cell.path.is_dir() and cell.frames else np.ones(reader.num_frames, np.bool_)
    seconds = frame_seconds(cell, len(every), reader.fps, moments)
    seconds = None if seconds is None else seconds[every]
    frames = choose_frames(cell, reader.num_frames, reader.fps, seconds, moments)
    if seconds is not None:
        return ChosenFrames(reader, frames, seconds[frames], cell.window)
    return ChosenFrames(reader, frames, None, None) if moments is None else _evenly(reader, frames, moments[frames])


def _evenly(reader: FrameReader, frames: NDArray[np.int64], moments: NDArray[np.float64]) -> ChosenFrames:
    """Frames of uneven times as those without a clock are taken to be: evenly spaced."""
    fps = (len(frames) - 1) / float(moments[-1] - moments[0]) if len(frames) > 1 else None
    return ChosenFrames(reader, frames[even_frames(moments)], None, None, fps)


def _chosen_files(cell: Cell, spec: ModalitySpec) -> NDArray[np.bool_]:
    """Which of a folder's files are chosen by their numbers."""
    files = list_frames(dataclasses.replace(cell, frames=()), IMAGES if spec.kind == "frames" else TEXTS)
    return np.array([cell.chooses(frame_number(file)) for file in files])


def _open_folder(cell: Cell, spec: ModalitySpec) -> FrameReader:
    if spec.kind == "frames":
        return ImageFolder(cell, spec.value, spec.fps, spec.value_range)
    if spec.kind == "joints":
        persons, joints, _ = spec.shape
        return ArrayReader(read_skeleton_frames(cell, num_persons=persons, num_joints=joints), spec.fps)
    raise _unreadable(cell.path, spec)


def _open_file(cell: Cell, spec: ModalitySpec) -> FrameReader:
    path, suffix = cell.path, cell.path.suffix.lower()
    if suffix in (".mat", ".npy"):
        array = read_npy(path) if suffix == ".npy" else read_mat(path)
        if suffix == ".mat" and spec.kind in ("frames", "joints") and array.ndim:
            array = np.moveaxis(array, -1, 0)
        return ArrayReader(as_kind(array, spec, path), spec.fps)
    if spec.kind == "frames":
        return VideoReader(path, spec.value, spec.value_range)
    if suffix in TABLES:
        return ArrayReader(as_kind(_read_columns(cell, spec), spec, path), spec.fps)
    if spec.kind == "joints" and suffix == ".skeleton":
        persons, joints, _ = spec.shape
        return ArrayReader(read_skeleton_text(path, num_persons=persons, num_joints=joints), spec.fps)
    raise _unreadable(path, spec)


def _read_columns(cell: Cell, spec: ModalitySpec) -> Array:
    """[n, C] of a table."""
    table = TextTable(cell.path)
    own = cell.clock is not None and cell.clock.log is None and cell.clock.column
    times = table.place(own) if own else None
    places = table.places(cell.columns) if cell.columns else [at for at in table.numeric if at != times]
    wanted = 3 * spec.shape[1] if spec.kind == "joints" else spec.shape[0]
    if len(places) != wanted:
        columns = "1 column" if len(places) == 1 else f"{len(places)} columns"
        raise ValueError(
            f"{cell} gives {columns}, {spec.name} needs {wanted}: choose some of {table.describe()}, as in "
            f"{cell.path.name}[x,y,z]@t"
        )
    return table.read(places)


def _unreadable(path: Path, spec: ModalitySpec) -> ValueError:
    forms = ".mat, .npy, .csv or .skeleton" if spec.kind == "joints" else ".mat, .npy, .csv or .txt"
    return ValueError(f"{path} cannot be read as {spec.name} ({spec.kind}): give a {forms} file")


def array_reader(array: ArrayLike, spec: ModalitySpec, *, name: str = "the array") -> FrameReader:
    """A reader of an array in memory, time first, checked as the content of a `.npy` file is.

    Args:
        array: frames [n, h, w] or [n, h, w, c] uint8 or uint16; joints [n, J, 3] or [n, P, J, 3]; signal and features
            [n, C]. What NumPy can make an array of will do, a tensor in the main memory for example.
        spec: The modality.
        name: What an error calls the array.

    Raises:
        TypeError: If it is no array.
        ValueError: If the array does not fit the modality, or has NaN.
    """
    try:
        numbers = np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor on a GPU, or one that wants a gradient
        raise TypeError(f"{name} gives no numbers ({error}): give a NumPy array, or tensor.detach().cpu()") from error
    if numbers.dtype.kind not in "iufb":
        raise TypeError(f"{name} is {type(array).__name__}: give a path, or an array of numbers")
    return ArrayReader(as_kind(numbers, spec, name), spec.fps)

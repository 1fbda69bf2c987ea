"""Manifest rows → `ClipBatch` on the host: which moments, read, cut to the region, stacked; still uint8 and uint16.

Shapes: B batch, T frame, C channel, H W pixels of the region, P person, J joint, L sample of a window.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.core.tensors import ClipBatch
from actionmae.data.loading.collate import ClipSample, empty_images, join
from actionmae.data.loading.framing import write_region
from actionmae.data.loading.sampling import FrameChoice, clip_generator, frame_indices, sample_positions, window_indices
from actionmae.data.manifest import ClipRow
from actionmae.data.reading.alignment import Alignment
from actionmae.data.reading.readers import ArrayReader, FrameReader, TimedReader, frame_times, open_reader

logger = logging.getLogger(__name__)

_Array = NDArray[Any]
_Arrays = Mapping[str, _Array]


class ClipDataset(Dataset[ClipSample]):
    """Reads clips; an item is a pure function of (seed, epoch, sample).

    Rows that have none of the modalities (a specialist on incomplete data) are left out, with a word in the log.

    Args:
        rows: The clips.
        classes: Class names; a row's label is its index here.
        modalities: What to read; a modality without a file in a row is absent.
        train: Training: random frames; otherwise uniform ones.
        seed: Of the draws, at least 0.
        cache: Keep what was read in memory (training: whole streams, cut to the region; otherwise the chosen frames).
            It lives in the process that reads, so use it with `num_workers=0`, or call `preload` first.
        frames: How training frames are chosen: "random" (§4.1), "segments" or "uniform"; see `sample_positions`.

    Attributes:
        rows: Those that have some modality.
        classes: As given.
        modalities: As given.
        labels: Class index of every row; -1 = unknown.

    Raises:
        ValueError: If a label is no class, or no row has any of the modalities.
    """

    def __init__(
        self,
        rows: Sequence[ClipRow],
        classes: Sequence[str],
        modalities: ModalitySet,
        *,
        train: bool,
        seed: int = 0,
        cache: bool = False,
        frames: FrameChoice = "random",
    ) -> None:
        self.rows = tuple(row for row in rows if row.files.keys() & set(modalities.names))
        self.classes = tuple(classes)
        self.modalities = modalities
        if not self.rows:
            raise ValueError(
                f"none of the {len(rows)} clips has any of {', '.join(modalities.names)}: choose modalities that "
                "the manifest has"
            )
        if len(self.rows) < len(rows):
            logger.info("%d of %d clips have none of %r: left out", len(rows) - len(self.rows), len(rows), modalities)
        self.labels = tuple(self._label(row) for row in self.rows)
        self._frames: FrameChoice = frames if train else "uniform"
        self._seed = seed
        # In shared memory, so that workers that outlive an epoch see the next one's number.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]  # torch's gap
        self._cache: dict[tuple[str, str], Any] | None = {} if cache else None

    def set_epoch(self, epoch: int) -> None:
        """Draw other frames from now on."""
        self._epoch.fill_(epoch)

    def preload(self) -> None:
        """Fill the cache now (before workers are forked, or before time is measured)."""
        for index in range(len(self)):
            self[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> ClipSample:
        return self._sample(index, {spec.name: empty_images(spec) for spec in self._image_specs([index])})

    def __getitems__(self, indices: Sequence[int]) -> ClipBatch:
        """A batch, its images decoded straight into its tensors; a `DataLoader` asks for this instead of for items."""
        images = {spec.name: empty_images(spec, len(indices)) for spec in self._image_specs(indices)}
        samples = []
        for at, index in enumerate(indices):
            samples.append(self._sample(index, {name: every[at] for name, every in images.items()}))
            for name in images.keys() - self.rows[index].files.keys():
                images[name][at].zero_()
        return join(samples, images)

    def _image_specs(self, indices: Sequence[int]) -> list[ModalitySpec]:
        """The modalities of images that any of these clips has."""
        found = {name for index in indices for name in self.rows[index].files}
        return [spec for spec in self.modalities if spec.kind == "frames" and spec.name in found]

    def _sample(self, index: int, images: Mapping[str, Tensor]) -> ClipSample:
        """One clip; its images are written into `images`."""
        if get_worker_info() is not None:
            cv2.setNumThreads(0)  # OpenCV's threads do not survive a fork: resizing would wait for them for ever
        row = self.rows[index]
        sample = ClipSample(sample=row.sample, label=self.labels[index], modalities=self.modalities)
        specs = [spec for spec in self.modalities if spec.name in row.files]
        read = self._uniform if self._frames == "uniform" else self._draw
        arrays = read(row, specs, {spec.name: images[spec.name].numpy() for spec in specs if spec.name in images})
        for spec in specs:
            _fill(sample, spec, arrays[spec.name], images.get(spec.name))
        return sample

    def _label(self, row: ClipRow) -> int:
        if not row.label:
            return -1
        if row.label not in self.classes:
            raise ValueError(
                f"label {row.label!r} of sample {row.sample!r} is none of the {len(self.classes)} classes: "
                "use the classes the model was trained with, or correct the label"
            )
        return self.classes.index(row.label)

    def _uniform(self, row: ClipRow, specs: list[ModalitySpec], images: _Arrays) -> _Arrays:
        """The same frames every time, so it is those that are kept."""
        if self._cache is not None and all((row.sample, spec.name) in self._cache for spec in specs):
            return {spec.name: _put(self._cache[row.sample, spec.name], images.get(spec.name)) for spec in specs}
        readers = {spec.name: open_reader(row.files[spec.name], spec) for spec in specs}
        arrays = _read_uniform(readers, specs, images)
        if self._cache is not None:
            self._cache.update({(row.sample, name): array.copy() for name, array in arrays.items()})
        return arrays

    def _draw(self, row: ClipRow, specs: list[ModalitySpec], images: _Arrays) -> _Arrays:
        readers = {spec.name: self._reader(row, spec) for spec in specs}
        alignment = Alignment(readers)
        # Signals have several samples to a frame: drawing on their finer grid would take a video's frames twice.
        slow = [spec for spec in specs if spec.kind != "signal"]
        longest = max(alignment.num_frames(spec.name) for spec in slow or specs)
        arrays = {}
        for spec in specs:
            rng = clip_generator(self._seed, int(self._epoch), row.sample, spec.num_frames)
            positions = sample_positions(spec.num_frames, longest, rng, segments=self._frames == "segments")
            positions = alignment.positions(spec.name, positions)
            arrays[spec.name] = _read(readers[spec.name], spec, positions, images.get(spec.name))
        return arrays

    def _reader(self, row: ClipRow, spec: ModalitySpec) -> FrameReader:
        key = (row.sample, spec.name)
        if self._cache is not None and key in self._cache:
            cached: FrameReader = self._cache[key]
            return cached
        reader = open_reader(row.files[spec.name], spec)
        if self._cache is None:
            return reader
        every = np.arange(reader.num_frames)
        whole = empty_images(spec, num_frames=len(every)).numpy() if spec.kind == "frames" else None
        kept = _RegionReader(_read_frames(reader, spec, every, whole), reader.fps)
        times = frame_times(reader)
        cached = self._cache[key] = kept if times is None else _TimedRegionReader(kept, every, times)
        return cached


def read_sample(
    sample: str, readers: Mapping[str, FrameReader], modalities: ModalitySet, *, label: int = -1
) -> ClipSample:
    """One clip from open readers, as a test clip is read: uniform frames.

    Args:
        sample: Name.
        readers: By modality; those that exist.
        modalities: The model's.
        label: Class index; -1 = unknown.
    """
    clip = ClipSample(sample=sample, label=label, modalities=modalities)
    specs = [spec for spec in modalities if spec.name in readers]
    images = {spec.name: empty_images(spec) for spec in specs if spec.kind == "frames"}
    arrays = _read_uniform(readers, specs, {name: image.numpy() for name, image in images.items()})
    for spec in specs:
        _fill(clip, spec, arrays[spec.name], images.get(spec.name))
    return clip


class _RegionReader(ArrayReader):
    """A whole stream in memory, its images already cut to the region and channels first."""


class _TimedRegionReader(TimedReader):
    """The same with the times of its frames."""


def _read_uniform(readers: Mapping[str, FrameReader], specs: Sequence[ModalitySpec], images: _Arrays) -> _Arrays:
    """Each modality at the centres of equal segments of the clip; images are written into `images`."""
    alignment = Alignment({spec.name: readers[spec.name] for spec in specs})
    arrays = {}
    for spec in specs:
        positions = sample_positions(spec.num_frames, alignment.num_frames(spec.name))
        positions = alignment.positions(spec.name, positions)
        arrays[spec.name] = _read(readers[spec.name], spec, positions, images.get(spec.name))
    return arrays


def _read(reader: FrameReader, spec: ModalitySpec, positions: NDArray[np.float64], out: _Array | None) -> _Array:
    """The clip at these positions.

    Images [T, C, H, W], written into `out`; joints [T, P, J, 3]; signal [T, C, L]; features [T, C].
    """
    if spec.kind == "signal":
        indices = window_indices(positions, reader.num_frames, spec.shape[1])
        return reader.read(indices.ravel()).reshape(*indices.shape, -1).swapaxes(1, 2)
    indices = frame_indices(positions, reader.num_frames)
    array = _read_frames(reader, spec, indices, out)
    if spec.kind == "joints" and np.isnan(array).all():
        # Nobody in any of the chosen frames: take the nearest frames in which there is somebody.
        seen = np.flatnonzero(~np.isnan(reader.read(np.arange(reader.num_frames))).all(axis=(1, 2, 3)))
        array = reader.read(seen[np.abs(seen[:, None] - indices).argmin(axis=0)])
    return array


def _read_frames(reader: FrameReader, spec: ModalitySpec, indices: NDArray[np.int64], out: _Array | None) -> _Array:
    if out is None or isinstance(reader, _RegionReader | _TimedRegionReader):
        return _put(reader.read(indices), out)
    for image, place in zip(reader.images(indices), out, strict=True):
        write_region(image, spec, place)
    return out


def _put(array: _Array, out: _Array | None) -> _Array:
    """A copy of the array, in `out` where that is given: whoever changes it does not change the cache."""
    if out is None:
        return array.copy()
    np.copyto(out, array)
    return out


def _fill(sample: ClipSample, spec: ModalitySpec, array: _Array, images: Tensor | None) -> None:
    """Put one modality into the sample; absent persons (NaN) become a mask and zeros."""
    if spec.kind == "joints":
        person: NDArray[np.bool_] = np.any(~np.isnan(array), axis=(2, 3))
        array = np.where(person[:, :, None, None], array, 0)
        sample.person_available[spec.name] = torch.from_numpy(person)
        anybody = np.any(person, axis=1)
        if not anybody.all():
            sample.frame_available[spec.name] = torch.from_numpy(anybody)
    sample.clips[spec.name] = torch.from_numpy(np.ascontiguousarray(array)) if images is None else images

"""Manifest rows → `ClipBatch` on the host: which moments, read, cut to the region, stacked; still uint8 and uint16."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, get_args

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.core.tensors import ClipBatch
from actionmae.data.loading.broken import Broken, Recording
from actionmae.data.loading.clip_frames import in_memory, read_at, read_uniform
from actionmae.data.loading.clip_reading import fill
from actionmae.data.loading.collate import ClipSample, empty_images, join
from actionmae.data.loading.sampling import FrameChoice, clip_generator, sample_positions
from actionmae.data.manifest import ClipRow
from actionmae.data.reading.alignment import clock_mismatch
from actionmae.data.reading.readers import FrameReader, open_reader

logger = logging.getLogger(__name__)


class ClipDataset(Dataset[ClipSample]):
    """Reads clips; an item is a pure function of (seed, epoch, sample).

    Rows that have none of the modalities (a specialist on incomplete data) are left out, which is logged.

    Args:
        rows: The clips.
        classes: Class names; a row's label is its index here.
        modalities: What to read; a modality without a file in a row is absent.
        train: Training: random frames; otherwise uniform ones.
        seed: Of the draws, at least 0.
        cache: Keep what was read in memory (training: whole recordings, cut to the region; otherwise the chosen
            frames). It lives in the process that reads, so use it with `num_workers=0`, or call `preload` first.
        frames: How training frames are chosen: "random" (§4.1), "segments" or "uniform"; see `sample_positions`.
        skip_broken: A recording that cannot be read counts as missing, instead of raising an error; the first one is
            logged. A clip of which no recording can be read is left out of its batch. A training batch of which
            nothing is left has the next clip that can be read, so that all processes get equally many batches.

    Attributes:
        rows: Those that have some modality.
        classes: As given.
        modalities: As given.
        labels: Class index of every row; -1 = unknown.
        broken: With `skip_broken`, why, by sample and modality, as far as was read; `ClipLoader` brings it from its
            worker processes.

    Raises:
        ValueError: If a label is no class, no row has any of the modalities, or an argument is out of range.
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
        skip_broken: bool = False,
    ) -> None:
        if seed < 0:
            raise ValueError(f"seed is {seed}: give at least 0")
        if frames not in get_args(FrameChoice):
            raise ValueError(f"frames is {frames!r}: choose {', '.join(get_args(FrameChoice))}")
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
        self.broken: Broken = {}
        self._train = train
        self._frames: FrameChoice = frames if train else "uniform"
        self._seed = seed
        self._skip_broken = skip_broken
        # In shared memory, so that workers that outlive an epoch see the next one's number.
        self._epoch = _shared_number()
        self._has_warned = _shared_number()
        self._cache: dict[Recording, Any] | None = {} if cache else None

    def set_epoch(self, epoch: int) -> None:
        """Draw other frames from now on."""
        self._epoch.fill_(epoch)

    def preload(self) -> None:
        """Fill the cache now (before workers are forked, or before time is measured)."""
        for index in range(len(self)):
            self.__getitems__([index])

    def note_broken(self, broken: Mapping[Recording, str]) -> None:
        """Take over what another process has found; the first is logged."""
        if broken and not self.broken and get_worker_info() is None:
            key, reason = next(iter(broken.items()))
            logger.warning("%s %s counts as missing, perhaps not alone (%s)", *key, reason)
        self.broken |= broken

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> ClipSample:
        sample = self._sample(index, {spec.name: empty_images(spec) for spec in self._image_specs([index])})
        if not sample.clips:
            raise ValueError(f"nothing of clip {sample.sample!r} can be read: leave it out of the manifest")
        return sample

    def __getitems__(self, indices: Sequence[int]) -> ClipBatch | None:
        """A batch, its images decoded straight into its tensors; a `DataLoader` asks for this instead of for items.

        None = with `skip_broken` and without `train`, nothing of any of these clips can be read.

        Raises:
            ValueError: If a recording cannot be read; with `skip_broken`, if no training clip can.
        """
        batch = self._batch(indices)
        if batch is not None or not self._train:
            return batch
        for step in range(1, len(self)):
            batch = self._batch([(indices[-1] + step) % len(self)])
            if batch is not None:
                return batch
        reason = next(iter(self.broken.values()))
        raise ValueError(f"none of the {len(self)} training clips can be read; the first error was: {reason}")

    def _batch(self, indices: Sequence[int]) -> ClipBatch | None:
        images = {spec.name: empty_images(spec, len(indices)) for spec in self._image_specs(indices)}
        samples = []
        for at, index in enumerate(indices):
            sample = self._sample(index, {name: every[at] for name, every in images.items()})
            for name in images.keys() - sample.clips.keys():
                images[name][at].zero_()
            samples.append(sample)
        kept = [at for at, sample in enumerate(samples) if sample.clips]
        if len(kept) < len(samples):
            images = {name: every[kept] for name, every in images.items()}
        return join([samples[at] for at in kept], images) if kept else None

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
        specs = [spec for spec in specs if (row.sample, spec.name) not in self.broken]
        read = self._uniform if self._frames == "uniform" else self._draw
        read(sample, row, specs, images)
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

    def _uniform(
        self, sample: ClipSample, row: ClipRow, specs: Sequence[ModalitySpec], images: Mapping[str, Tensor]
    ) -> None:
        """The same frames every time, so it is those that are kept."""
        cached = self._cache if self._cache is not None else {}
        readers = self._open(row, [spec for spec in specs if (row.sample, spec.name) not in cached])
        for spec in specs:
            key, into = (row.sample, spec.name), images.get(spec.name)
            if key not in cached and spec.name in readers:
                with self._noting(key):
                    array = read_uniform(readers[spec.name], spec, None if into is None else into.numpy())
                    cached[key] = array if self._cache is None else array.copy()
            elif key in cached and into is not None:
                np.copyto(into.numpy(), cached[key])
            if key in cached:
                fill(sample, spec, cached[key], into)

    def _draw(
        self, sample: ClipSample, row: ClipRow, specs: Sequence[ModalitySpec], images: Mapping[str, Tensor]
    ) -> None:
        readers = self._open(row, specs)
        specs = [spec for spec in specs if spec.name in readers]
        # Signals have several samples to a frame: drawing on their finer grid would take a video's frames twice.
        slow = [spec for spec in specs if spec.kind != "signal"]
        longest = max((readers[spec.name].num_frames for spec in slow or specs), default=1)
        for spec in specs:
            rng = clip_generator(self._seed, int(self._epoch), row.sample, spec.num_frames)
            positions = sample_positions(spec.num_frames, longest, rng, segments=self._frames == "segments")
            with self._noting((row.sample, spec.name)):
                into = images.get(spec.name)
                array = read_at(readers[spec.name], spec, positions, None if into is None else into.numpy())
                fill(sample, spec, array, into)

    def _open(self, row: ClipRow, specs: Sequence[ModalitySpec]) -> dict[str, FrameReader]:
        readers: dict[str, FrameReader] = {}
        for spec in specs:
            with self._noting((row.sample, spec.name)):
                readers[spec.name] = self._reader(row, spec)
        with self._noting(*((row.sample, name) for name, reader in readers.items() if reader.times is not None)):
            mismatch = _clock_mismatch(row.sample, readers)
            if mismatch and not self._has_warned:
                self._has_warned.fill_(1)
                logger.warning(
                    "%s, perhaps not alone: %s; `actionmae check` lists all such clips", row.sample, mismatch
                )
        return {name: reader for name, reader in readers.items() if (row.sample, name) not in self.broken}

    def _reader(self, row: ClipRow, spec: ModalitySpec) -> FrameReader:
        """Of a training clip that is kept in memory, a reader of that."""
        if self._cache is None or self._frames == "uniform":
            return open_reader(row.files[spec.name], spec)
        key = (row.sample, spec.name)
        if key not in self._cache:
            self._cache[key] = in_memory(open_reader(row.files[spec.name], spec), spec)
        kept: FrameReader = self._cache[key]
        return kept

    @contextmanager
    def _noting(self, *keys: Recording) -> Iterator[None]:
        """With `skip_broken`, what cannot be read is noted instead of raised."""
        try:
            yield
        except (ValueError, OSError) as error:
            if not self._skip_broken:
                raise
            self.note_broken(dict.fromkeys(keys, str(error)))


def _clock_mismatch(sample: str, readers: Mapping[str, FrameReader]) -> str:
    try:
        return clock_mismatch(readers)
    except ValueError as error:
        raise ValueError(f"clip {sample!r}: {error}") from error


def _shared_number() -> Tensor:
    number = torch.zeros((), dtype=torch.int64)
    number.share_memory_()  # type: ignore[no-untyped-call]  # PyTorch leaves it without types
    return number

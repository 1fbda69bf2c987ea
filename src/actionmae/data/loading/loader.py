"""Batches from a `ClipDataset`, by worker processes that tell what went wrong in one sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from actionmae.core.process_limit import check_processes
from actionmae.core.tensors import ClipBatch
from actionmae.data.loading.broken import Broken
from actionmae.data.loading.collate import ClipSample, collate
from actionmae.data.loading.dataset import ClipDataset

_KINDS = (FileNotFoundError, OSError, ValueError)
"""What unusable recordings raise; all other errors of a worker arrive with its traceback."""


class ClipLoader(DataLoader[Any]):
    """A `DataLoader` whose workers start an epoch only when its first batch is asked for.

    Lightning asks for an iterator before it knows the epoch of a resumed run; workers would at once read the clips of
    the epoch before.

    Args:
        clips: The dataset.
        num_workers: Processes that decode; 0 = this one.
        **options: Of `torch.utils.data.DataLoader`.

    Raises:
        FileNotFoundError: While iterating, if a recording does not exist.
        ValueError: If this machine cannot bear so many processes; while iterating, if a recording cannot be read, or
            shared memory is too small.
    """

    def __init__(self, clips: ClipDataset, *, num_workers: int, **options: Any) -> None:
        check_processes("num_workers", num_workers)
        self._clips = clips
        dataset: Dataset[Any] = _Telling(clips) if num_workers > 0 else clips
        super().__init__(dataset, num_workers=num_workers, collate_fn=_collate, **options)

    @property
    def broken(self) -> Broken:
        """What the dataset has found broken so far."""
        return self._clips.broken

    def __iter__(self) -> Iterator[ClipBatch]:  # type: ignore[override]  # a generator does what DataLoader's own does
        for batch in super().__iter__():
            if isinstance(batch, Exception):
                raise batch
            if isinstance(batch, _Told):
                self._clips.note_broken(batch.broken)
                batch = batch.batch
            if batch is not None:
                yield batch


@dataclass(frozen=True)
class _Told:
    """A batch from a worker process, and the recordings that it has found broken."""

    batch: ClipBatch | None
    broken: Broken


class _Telling(Dataset[Any]):
    """The same clips; what cannot be read is returned as an error, where torch would send a traceback as text."""

    def __init__(self, clips: ClipDataset) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitems__(self, indices: Sequence[int]) -> _Told | Exception:
        try:
            # Here, where an error is told; a full /dev/shm would kill the queue's own thread, and the wait never end.
            batch = self.clips.__getitems__(indices)
            return _Told(None if batch is None else batch.map(Tensor.share_memory_), self.clips.broken)
        except _KINDS as error:
            return next(kind for kind in _KINDS if isinstance(error, kind))(str(error))
        except RuntimeError as error:
            if "shared memory" not in str(error) and "shm" not in str(error):
                raise
            return ValueError(
                f"shared memory (/dev/shm) is too small for batches from worker processes ({error}): give the "
                "container more (--shm-size), fewer clips per batch, or set num_workers 0"
            )


def _collate(batch: Sequence[ClipSample] | ClipBatch | _Told | Exception | None) -> Any:
    return batch if batch is None or isinstance(batch, _Told | Exception) else collate(batch)

"""A model and rows of a manifest → `SubsetScores`, in this process or divided among several. No Lightning.

Shards are not padded and merged by sample id, so every clip counts exactly once on any number of processes.
"""

import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
import torch.multiprocessing as mp
from torch.multiprocessing.spawn import ProcessExitedException

from actionmae.core.devices import check_device, pick_device
from actionmae.core.files import write_text
from actionmae.core.tensors import ClipBatch
from actionmae.data.loading.broken import Broken
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.loading.loader import ClipLoader
from actionmae.data.manifest import ClipRow
from actionmae.data.transforms.transform import transform
from actionmae.evaluation.scores import SubsetScores, merge
from actionmae.evaluation.subset_plan import ALL_SUBSETS_UP_TO
from actionmae.inference.subset_scoring import score_subsets
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model

Progress = Callable[[int], None]


class ClipScorer:
    """Scores the same clips again and again (validation) or once (test).

    Args:
        rows: The clips; all have at least one of the model's modalities.
        model: Whose modalities and classes are used.
        batch_size: Clips per batch.
        num_workers: Processes that decode.
        cache: Keep decoded clips between calls.
        skip_broken: A recording that cannot be read counts as missing; see `broken`.
    """

    def __init__(
        self,
        rows: Sequence[ClipRow],
        model: SavedModel,
        *,
        batch_size: int = 32,
        num_workers: int = 0,
        cache: bool = False,
        skip_broken: bool = False,
    ) -> None:
        dataset = ClipDataset(rows, model.classes, model.modalities, train=False, cache=cache, skip_broken=skip_broken)
        self.subjects = {row.sample: row.subject for row in rows}
        self.loader = ClipLoader(
            dataset,
            batch_size=batch_size,
            shuffle=False,
            num_workers=num_workers,
            persistent_workers=cache and num_workers > 0,
        )

    @property
    def broken(self) -> Broken:
        """What could not be read so far."""
        return self.loader.broken

    def __call__(
        self, model: SavedModel, *, all_subsets_up_to: int = ALL_SUBSETS_UP_TO, progress: Progress | None = None
    ) -> SubsetScores:
        """Score the subsets that `plan_subsets` names, on the device where the model is.

        Raises:
            ValueError: If a recording cannot be read; with `skip_broken`, if none can.
        """
        return require_any(self.shard(model, all_subsets_up_to=all_subsets_up_to, progress=progress), self.broken)

    def shard(
        self, model: SavedModel, *, all_subsets_up_to: int = ALL_SUBSETS_UP_TO, progress: Progress | None = None
    ) -> SubsetScores | None:
        """The same; None = with `skip_broken`, nothing of these clips can be read."""
        batches = self.batches(model)
        first = next(batches, None)
        if first is None:
            return None
        return score_subsets(
            model,
            itertools.chain([first], batches),
            classes=model.classes,
            subjects=self.subjects,
            all_subsets_up_to=all_subsets_up_to,
            progress=progress,
        )

    def batches(self, model: SavedModel) -> Iterator[ClipBatch]:
        """Ready for the model: centre crops as floats, on its device."""
        for batch in self.stored_batches(model):
            yield transform(batch, model.modalities)

    def stored_batches(self, model: SavedModel) -> Iterator[ClipBatch]:
        """As stored, on the model's device: what `transform` makes ready for it."""
        device = next(model.parameters()).device
        for batch in self.loader:
            yield batch.to(device)


def score_model(
    model_folder: Path,
    rows: Sequence[ClipRow],
    *,
    device: str = "auto",
    num_devices: int = 1,
    batch_size: int = 32,
    num_workers: int = 0,
    all_subsets_up_to: int = ALL_SUBSETS_UP_TO,
    skip_broken: bool = False,
    progress: Progress | None = None,
) -> tuple[SubsetScores, Broken]:
    """Score a saved model on rows, divided among `num_devices` processes.

    Args:
        model_folder: Model.
        rows: Clips.
        num_devices: Processes; with GPUs one on each, on the CPU one thread each.
        device: auto, cpu, cuda, cuda:1 or mps.
        batch_size: Clips per batch and process.
        num_workers: Decoding processes per process.
        all_subsets_up_to: The largest number of modalities of which all subsets are scored, 1–16.
        skip_broken: A recording that cannot be read counts as missing.
        progress: Called with the number of clips after each batch (with one process only).

    Returns:
        The scores, and with `skip_broken` which recordings could not be read.

    Raises:
        ValueError: If device or num_devices cannot be had, all_subsets_up_to is out of range, or a recording cannot be
            read; with `skip_broken`, if none can.
    """
    settings = (device, batch_size, num_workers, all_subsets_up_to, skip_broken)
    if num_devices == 1:
        scores, broken = _score_shard(model_folder, rows, 0, *settings, progress=progress)
        return require_any(scores, broken), broken
    check_device(device, num_devices)
    if num_devices == -1:
        num_devices = max(1, torch.cuda.device_count())
    # Spawned processes import everything again; forked ones must not touch CUDA, nor macOS's frameworks.
    forks = pick_device(device).type == "cpu" and sys.platform != "darwin"
    with tempfile.TemporaryDirectory() as folder:
        try:
            mp.start_processes(  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
                _worker,
                args=(num_devices, model_folder, list(rows), settings, Path(folder)),
                nprocs=num_devices,
                start_method="fork" if forks else "spawn",
            )
        except ProcessExitedException as error:
            sentence = next(Path(folder).glob("*.txt"), None)
            if sentence is not None:
                raise ValueError(sentence.read_text(encoding="utf-8")) from None
            raise ChildProcessError(
                f"a process that scored clips was killed ({error}), perhaps for want of memory: use a smaller "
                "batch_size or fewer num_devices"
            ) from error
        shards = [SubsetScores.load(path) for path in sorted(Path(folder).glob("*.npz"))]
        told = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))]
        broken = {(sample, modality): reason for each in told for sample, modality, reason in each}
        return require_any(merge(shards) if shards else None, broken), broken


def require_any(scores: SubsetScores | None, broken: Broken) -> SubsetScores:
    """The scores, or a sentence where nothing could be read."""
    if scores is None:
        raise ValueError(f"no clip can be read; the first error was: {next(iter(broken.values()))}")
    return scores


def _score_shard(
    model_folder: Path,
    rows: Sequence[ClipRow],
    rank: int,
    device: str,
    batch_size: int,
    num_workers: int,
    all_subsets_up_to: int,
    skip_broken: bool,
    progress: Progress | None = None,
) -> tuple[SubsetScores | None, Broken]:
    model = load_model(model_folder, device=pick_device(device, rank))
    scorer = ClipScorer(rows, model, batch_size=batch_size, num_workers=num_workers, skip_broken=skip_broken)
    return scorer.shard(model, all_subsets_up_to=all_subsets_up_to, progress=progress), scorer.broken


def _worker(
    rank: int,
    world: int,
    model_folder: Path,
    rows: list[ClipRow],
    settings: tuple[str, int, int, int, bool],
    out: Path,
) -> None:
    shard = rows[rank::world]
    if shard:
        torch.set_num_threads(1)  # a forked process has lost its parent's thread pool
        try:
            scores, broken = _score_shard(model_folder, shard, rank, *settings)
            if scores is not None:
                scores.save(out / f"{rank}.npz")
            write_text(out / f"{rank}.json", json.dumps([[*key, reason] for key, reason in broken.items()]))
        except (ValueError, OSError) as error:  # a sentence, which a traceback from another process would bury
            write_text(out / f"{rank}.txt", str(error))
            sys.exit(1)

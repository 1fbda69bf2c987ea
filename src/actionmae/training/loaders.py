"""Which clips are trained on, validated on and tested on, and in which order they come. No Lightning here.

The order of an epoch is a function of (seed, epoch), a clip's draws are a function of (seed, epoch, sample): a resumed
run sees what an uninterrupted one would have seen, with any number of workers.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import Sampler

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.core.seeds import torch_generator
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.loading.loader import ClipLoader
from actionmae.data.manifest import read_manifest
from actionmae.data.sided_classes import sided_classes
from actionmae.data.splits import Splits, split_manifest, usable_rows
from actionmae.training.config import DataConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingClips:
    """What a `DataConfig` stands for, read and checked.

    Attributes:
        modalities: In the model's order.
        classes: In the order of the logits.
        splits: Rows with at least one of the modalities.
    """

    modalities: ModalitySet
    classes: tuple[str, ...]
    splits: Splits

    def counts(self) -> dict[str, int]:
        """Clips per split."""
        return {part: len(getattr(self.splits, part)) for part in ("train", "val", "test")}

    def missing_rates(self) -> dict[str, float]:
        """Per modality, the fraction of training clips that lack it, 0–1."""
        rows = self.splits.train
        return {name: sum(name not in row.files for row in rows) / len(rows) for name in self.modalities.names}

    def digest(self) -> str:
        """Equal for the same training and validation clips, wherever they lie."""
        parts = (self.splits.train, self.splits.val)
        rows = [[(row.sample, row.label, sorted(row.files)) for row in part] for part in parts]
        what = json.dumps([self.modalities.to_list(), self.classes, rows])
        return hashlib.sha256(what.encode()).hexdigest()


def read_clips(config: DataConfig) -> TrainingClips:
    """Read the manifest and divide it.

    Raises:
        FileNotFoundError: If the manifest or one of its files does not exist.
        ValueError: If the manifest, the protocol or the modalities do not fit each other, no training clip is left, or
            a clip has no label.
    """
    manifest = read_manifest(config.manifest)
    modalities = ModalitySet(config.modalities or manifest.modalities, known=manifest.specs)
    if config.frame_size is not None:
        modalities = ModalitySet([_with_size(spec, config.frame_size) for spec in modalities])
    manifest.require(modalities.names)
    splits = split_manifest(manifest, config.protocol, [str(subject) for subject in config.val_subjects])
    if not splits.train:
        raise ValueError(
            f"protocol {config.protocol!r} leaves no training clips in {config.manifest}: write train into its split "
            "column, or choose another protocol"
        )
    parts = {part: usable_rows(getattr(splits, part), modalities.names) for part in ("train", "val", "test")}
    if not parts["train"]:
        raise ValueError(
            f"no training clip in {config.manifest} has any of {', '.join(modalities.names)}: "
            "fill their columns or choose other modalities"
        )
    for row in (*parts["train"], *parts["val"], *parts["test"]):
        if not row.label:
            raise ValueError(
                f"sample {row.sample!r} in {config.manifest} has no label: write its class name, or remove the row"
            )
    clips = TrainingClips(modalities=modalities, classes=manifest.classes, splits=Splits(**parts))
    _warn_of_mirrors(clips, config)
    for name, rate in clips.missing_rates().items():
        if rate == 1:
            log.warning("no training clip has %s: its encoder stays as it begins", name)
        elif rate > 0:
            log.info("%s is missing in %.1f %% of the training clips", name, 100 * rate)
    return clips


def _warn_of_mirrors(clips: TrainingClips, config: DataConfig) -> None:
    """A clip is mirrored only if all its modalities can be."""
    sided, fixed = sided_classes(clips.classes), {spec.name for spec in clips.modalities if spec.mirror is None}
    mirrored = [row for row in clips.splits.train if not row.files.keys() & fixed]
    if config.augment.flip > 0 and sided and mirrored:
        log.warning(
            "data.augment.flip is %g, and a mirrored %s is another action (%d such classes): set it to 0, or mirror to "
            "null for modalities that must not be mirrored",
            config.augment.flip,
            sided[0],
            len(sided),
        )


def _with_size(spec: ModalitySpec, side: int) -> ModalitySpec:
    return dataclasses.replace(spec, shape=(spec.shape[0], side, side)) if spec.kind == "frames" else spec


class EpochBatches(Sampler[list[int]]):
    """Batches of clip indices in an order drawn from (seed, epoch), divided among processes.

    All processes get equally many batches of nearly equal size: the permutation is filled up from its own start, so
    that a few clips of an epoch come twice when their number is no multiple of the processes.

    Args:
        clips: The training clips; told the epoch when it begins.
        batch_size: Per process.
        seed: Of the order.
        epoch: Tells the current epoch; asked when an epoch begins.
        rank: This process.
        world: All processes.
    """

    def __init__(
        self, clips: ClipDataset, *, batch_size: int, seed: int, epoch: Callable[[], int], rank: int = 0, world: int = 1
    ) -> None:
        self.clips, self.batch_size, self.seed = clips, batch_size, seed
        self.epoch, self.rank, self.world = epoch, rank, world

    def __len__(self) -> int:
        return -(-self._clips_each // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        epoch = self.epoch()
        self.clips.set_epoch(epoch)
        order = torch.randperm(len(self.clips), generator=torch_generator(self.seed, "order", epoch)).tolist()
        total = self._clips_each * self.world
        order = (order * -(-total // len(order)))[:total]
        mine = order[self.rank :: self.world]
        for start in range(0, len(mine), self.batch_size):
            yield mine[start : start + self.batch_size]

    @property
    def _clips_each(self) -> int:
        return -(-len(self.clips) // self.world)


def train_loader(
    clips: TrainingClips,
    config: DataConfig,
    *,
    seed: int,
    epoch: Callable[[], int],
    rank: int = 0,
    world: int = 1,
    pin_memory: bool = False,
) -> ClipLoader:
    """Shuffled, sampled training batches of one process, uint8 / uint16 as from the host."""
    dataset = ClipDataset(
        clips.splits.train,
        clips.classes,
        clips.modalities,
        train=True,
        seed=seed,
        cache=config.cache,
        frames=config.augment.frames,
        skip_broken=config.skip_broken,
    )
    if config.cache and config.num_workers > 0:
        dataset.preload()  # once, before the workers are forked, not once in each of them
    batches = EpochBatches(dataset, batch_size=config.batch_size, seed=seed, epoch=epoch, rank=rank, world=world)
    return ClipLoader(
        dataset,
        batch_sampler=batches,
        num_workers=config.num_workers,
        persistent_workers=config.num_workers > 0,
        pin_memory=pin_memory,
    )

"""What happens after each epoch: validation, metrics, checkpoints."""

import logging
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from actionmae.core.files import atomic_write
from actionmae.data.loading.broken import log_broken
from actionmae.data.loading.loader import ClipLoader
from actionmae.evaluation.scores import SubsetScores, merge
from actionmae.evaluation.table import RobustnessTable
from actionmae.inference.scoring import ClipScorer
from actionmae.training.loaders import TrainingClips
from actionmae.training.module import TrainingModule
from actionmae.training.run_folder import History, RunFolder
from actionmae.training.settings import TrainSettings

_T = TypeVar("_T")

log = logging.getLogger(__name__)

BEST = "val/mean_top1"
"""What select="val" maximises: mean top-1 over all subsets, percent."""


class EpochEnd(Callback):
    """After each epoch: validate, record, keep what is needed to resume, in this order.

    Args:
        run: Where.
        settings: Of the run.
        clips: Those of the manifest.
        resume: The run goes on from a checkpoint, if there is one; otherwise an earlier run in the folder is replaced
            when the first epoch is over: until then the new one may still fail.
    """

    def __init__(self, run: RunFolder, *, settings: TrainSettings, clips: TrainingClips, resume: bool) -> None:
        self.run, self.settings, self.clips, self.resume = run, settings, clips, resume
        self.scorer: ClipScorer | None = None
        self.writer: SummaryWriter | None = None
        self.points: list[tuple[float, int, float]] = []
        self.first_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prepare validation and the logs."""
        assert isinstance(pl_module, TrainingModule)
        data = self.settings.data
        shard = self.clips.splits.val[trainer.global_rank :: trainer.world_size]
        if shard:
            self.scorer = ClipScorer(
                shard,
                pl_module.method.model,
                batch_size=data.eval_batch_size,
                num_workers=data.num_workers,
                cache=data.cache,
                skip_broken=data.skip_broken,
            )
        if trainer.is_global_zero and (self.resume or not self.run.begun):
            self._begin(pl_module.epoch, trainer.global_step, first_epoch=pl_module.first_epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clocks."""
        self.started, self.worked = time.perf_counter(), time.process_time()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A point of the loss curve now and then: fetching it waits for the device."""
        if trainer.is_global_zero and batch_idx % self.settings.engine.log_every == 0:
            loss: Tensor = outputs["loss"] * trainer.accumulate_grad_batches  # Lightning has divided it
            self.points.append((loss.item(), self.first_step + trainer.global_step, time.time()))
            self._write_points()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate, record, save."""
        assert isinstance(pl_module, TrainingModule)
        seconds, cpu_seconds = time.perf_counter() - self.started, time.process_time() - self.worked
        means = pl_module.meter.means()
        if not torch.isfinite(torch.tensor(means["loss"])):
            raise ValueError(
                f"the loss of epoch {pl_module.epoch} is {means['loss']}: training diverged; lower optim.lr, "
                "set optim.clip_norm, or check the recordings for broken values"
            )
        step = self.first_step + trainer.global_step
        row: dict[str, int | float] = {"epoch": pl_module.epoch, "step": step}
        row |= {"seconds": round(seconds, 3), "cpu_seconds": round(cpu_seconds, 3)}
        row |= {"lr": trainer.optimizers[0].param_groups[0]["lr"], **means, **self._validate(trainer, pl_module)}
        if trainer.is_global_zero:
            writer = self.writer or self._begin(0, 0)
            self.history.append(row)
            for name, value in row.items():
                writer.add_scalar(name, value, step)
            if self.settings.select == "val" and self.history.is_best(BEST, since=pl_module.first_epoch):
                with atomic_write(self.run.best) as unfinished:
                    torch.save(pl_module.method.model.state_dict(), unfinished)
        done = trainer.current_epoch + 1
        if done % self.settings.engine.save_every == 0 or done == trainer.max_epochs:
            trainer.save_checkpoint(self.run.last, weights_only=False)  # all processes take part

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the logs; say how much was missing, and what was broken."""
        assert isinstance(pl_module, TrainingModule)
        assert isinstance(trainer.train_dataloader, ClipLoader)
        found = [{**trainer.train_dataloader.broken, **(self.scorer.broken if self.scorer else {})}]
        if trainer.world_size > 1:
            found = _gather(found[0], trainer.world_size)
        if trainer.is_global_zero:
            log_broken({key: reason for each in found for key, reason in each.items()}, "training and validation")
        if self.writer is not None:
            self.writer.close()
            log_missing_rates(pl_module.meter.last, pl_module.method.model.modalities.names)

    def _validate(self, trainer: Trainer, module: TrainingModule) -> dict[str, float]:
        """Top-1 of the full set and mean over the subsets, in percent, over the shards of all processes."""
        if not self.clips.splits.val:
            return {}
        shards: list[SubsetScores | None] = [None]
        if self.scorer is not None:
            with trainer.precision_plugin.forward_context():
                shards = [self.scorer.shard(module.method.model)]
        if trainer.world_size > 1:
            shards = _gather(shards[0], trainer.world_size)
        table = RobustnessTable.from_scores(merge([shard for shard in shards if shard is not None]))
        values = {f"val/top1/{row.subset}": row.top1 for row in table.rows if row.top1 is not None}
        return values if table.mean_top1 is None else {**values, BEST: table.mean_top1}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remember which clips the weights were trained on."""
        checkpoint["clips"] = self.clips.digest()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Refuse to go on with others."""
        if checkpoint.get("clips") != self.clips.digest():
            raise ValueError(
                f"the clips of {self.settings.data.manifest} are not those that run {self.run.path} was started with "
                "(samples, labels, modalities, classes): restore the manifest, or choose another --run"
            )

    def _begin(self, epoch: int, step: int, *, first_epoch: int = 0) -> SummaryWriter:
        """An earlier run goes now; rows of epochs that will be trained again are forgotten."""
        self.run.begin(self.settings, resume=self.resume)
        self.history = History(self.run.metrics, epochs=epoch)
        # The optimisers' count of steps starts anew with each stage.
        self.first_step = max((int(row["step"]) for row in self.history.rows if row["epoch"] < first_epoch), default=0)
        self.writer = SummaryWriter(str(self.run.path), purge_step=self.first_step + step)
        self._write_points()
        return self.writer

    def _write_points(self) -> None:
        """The loss curve's points so far, once there is a place for them."""
        if self.writer is not None:
            for loss, step, moment in self.points:
                self.writer.add_scalar("step/loss", loss, step, walltime=moment)
            self.points.clear()


def _gather(mine: _T, world: int) -> list[_T]:
    """What each of several processes has; all must call it."""
    found: list[_T] = [mine] * world
    torch.distributed.all_gather_object(found, mine)
    return found


class KeepSigterm(Callback):
    """SIGTERM means what it meant before: Lightning would finish the batch and return as if training were over."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Lightning has not yet taken its place."""
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Now it has."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handler)


def log_missing_rates(means: Mapping[str, float], names: Sequence[str]) -> None:
    """One line about an epoch's means, if anything was missing or dropped."""
    known = [name for name in names if f"missing/{name}" in means]
    rates = [(name, means[f"missing/{name}"], means[f"missing_after_dropping/{name}"]) for name in known]
    if any(dropped > 0 for _, _, dropped in rates):
        texts = (f"{name} {100 * missing:.1f} % ({100 * dropped:.1f} %)" for name, missing, dropped in rates)
        log.info("missing in the last epoch (after dropping): %s", ", ".join(texts))

"""What happens after each epoch: validation, metrics, checkpoints."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from actionmae.data.manifest import ClipRow
from actionmae.evaluation.scores import SubsetScores, merge
from actionmae.evaluation.table import RobustnessTable
from actionmae.inference.scoring import ClipScorer
from actionmae.training.config import DataConfig
from actionmae.training.module import TrainingModule
from actionmae.training.run_folder import History, RunFolder

log = logging.getLogger(__name__)

BEST = "val/mean_top1"
"""What select="val" maximises: mean top-1 over all subsets, percent."""


class EpochEnd(Callback):
    """After each epoch: validate, record, keep what is needed to resume, in this order.

    Args:
        run: Where.
        val: Validation clips; may be empty.
        data: How they are loaded.
        keep_best: Keep the weights of the best epoch.
        save_every: Epochs between two checkpoints.
        log_every: Steps between two points of the loss curve.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        val: Sequence[ClipRow],
        data: DataConfig,
        keep_best: bool,
        save_every: int,
        log_every: int,
    ) -> None:
        self.run, self.val, self.data = run, val, data
        self.keep_best, self.save_every, self.log_every = keep_best, save_every, log_every
        self.scorer: ClipScorer | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the logs; rows of epochs that will be trained again are forgotten."""
        assert isinstance(pl_module, TrainingModule)
        shard = self.val[trainer.global_rank :: trainer.world_size]
        if shard:
            self.scorer = ClipScorer(
                shard,
                pl_module.method.model,
                batch_size=self.data.eval_batch_size,
                num_workers=self.data.num_workers,
                cache=self.data.cache,
            )
        if trainer.is_global_zero:
            self.history = History(self.run.metrics, epochs=trainer.current_epoch)
            self.writer = SummaryWriter(str(self.run.path), purge_step=trainer.global_step)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A point of the loss curve now and then: fetching it waits for the device."""
        if trainer.is_global_zero and batch_idx % self.log_every == 0:
            loss: Tensor = outputs["loss"]
            self.writer.add_scalar("step/loss", loss.item(), trainer.global_step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate, record, save."""
        assert isinstance(pl_module, TrainingModule)
        seconds = time.perf_counter() - self.started
        means = pl_module.meter.means()
        if not torch.isfinite(torch.tensor(means["loss"])):
            raise ValueError(
                f"the loss of epoch {trainer.current_epoch} is {means['loss']}: training diverged; lower optim.lr, "
                "set optim.clip_norm, or check the recordings for broken values"
            )
        row = {"epoch": trainer.current_epoch, "step": trainer.global_step, "seconds": round(seconds, 3)}
        row |= {"lr": trainer.optimizers[0].param_groups[0]["lr"], **means, **self._validate(trainer, pl_module)}
        if trainer.is_global_zero:
            self.history.append(row)
            for name, value in row.items():
                self.writer.add_scalar(name, value, trainer.global_step)
            if self.keep_best and self.history.is_best(BEST):
                beside = self.run.best.with_suffix(".tmp")
                beside.parent.mkdir(exist_ok=True)
                torch.save(pl_module.method.model.state_dict(), beside)
                beside.replace(self.run.best)
        done = trainer.current_epoch + 1
        if done % self.save_every == 0 or done == trainer.max_epochs:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the logs; say how much was missing."""
        assert isinstance(pl_module, TrainingModule)
        if trainer.is_global_zero:
            self.writer.close()
            log_missing_rates(pl_module.meter.last, pl_module.method.model.modalities.names)

    def _validate(self, trainer: Trainer, module: TrainingModule) -> dict[str, float]:
        """Top-1 of the full set and mean over the subsets, in percent, over the shards of all processes."""
        if not self.val:
            return {}
        scores: SubsetScores | None = None
        if self.scorer is not None:
            with trainer.precision_plugin.forward_context():
                scores = self.scorer(module.method.model)
        shards = [scores]
        if trainer.world_size > 1:
            shards = [None] * trainer.world_size
            torch.distributed.all_gather_object(shards, scores)
        table = RobustnessTable.from_scores(merge([shard for shard in shards if shard is not None]))
        top1 = {row.subset: row.top1 for row in table.rows if row.top1 is not None}
        values = {f"val/top1/{subset}": value for subset, value in top1.items()}
        return {**values, BEST: sum(top1.values()) / len(top1)}

    def _save(self, trainer: Trainer) -> None:
        """All processes take part; the file is written beside and renamed."""
        beside = self.run.last.with_suffix(".tmp")
        trainer.save_checkpoint(beside, weights_only=False)
        if trainer.is_global_zero:
            beside.replace(self.run.last)


def log_missing_rates(means: Mapping[str, float], names: Sequence[str]) -> None:
    """One line about an epoch's means, if anything was missing or dropped."""
    rates = [(name, means[f"missing/{name}"], means[f"missing_after_dropping/{name}"]) for name in names]
    if any(dropped > 0 for _, _, dropped in rates):
        texts = (f"{name} {100 * missing:.1f} % ({100 * dropped:.1f} %)" for name, missing, dropped in rates)
        log.info("missing in the last epoch (after dropping): %s", ", ".join(texts))

"""A bar of the run's epochs."""

import logging
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actionmae.training.module import TrainingModule

log = logging.getLogger(__name__)


class ProgressBar(Callback):
    """A bar over all epochs of a run on stderr, one for each stage, refreshed by its own thread."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw it."""
        if not trainer.is_global_zero:
            return
        columns = (
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
        )
        assert isinstance(pl_module, TrainingModule)
        self.epochs = sum(stage.epochs for stage in pl_module.method.stages(pl_module.optim.epochs))
        self.progress = Progress(*columns, console=Console(stderr=True), refresh_per_second=2)
        self.task = self.progress.add_task("training", total=self.epochs, status="")
        self.progress.start()
        self.progress.update(self.task, completed=pl_module.epoch)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move it."""
        if trainer.is_global_zero:
            self.progress.advance(self.task, 1 / int(trainer.num_training_batches))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the epoch's loss."""
        assert isinstance(pl_module, TrainingModule)
        if trainer.is_global_zero:
            done = pl_module.epoch + 1
            loss = float(pl_module.meter.last["loss"])
            self.progress.update(self.task, completed=done, status=f"loss {loss:.3f}")
            if not self.progress.console.is_terminal:
                log.info("epoch %d of %d: loss %.3f", done, self.epochs, loss)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave it as it is."""
        if trainer.is_global_zero:
            self.progress.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the terminal back."""
        if trainer.is_global_zero and hasattr(self, "progress"):
            self.progress.stop()

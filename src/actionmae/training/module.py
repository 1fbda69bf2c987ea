"""The Lightning module: one step, its logs, its optimiser. It never names a method."""

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import DataLoader

from actionmae.core.seeds import derive_seed, torch_generator
from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms.config import AugmentConfig
from actionmae.data.transforms.transform import transform
from actionmae.methods import Supervised
from actionmae.nn.transfer import keep_frozen
from actionmae.training.config import OptimConfig
from actionmae.training.meter import Meter
from actionmae.training.optim import build_optimizer, learning_rate


class TrainingModule(LightningModule):
    """Runs a method under Lightning.

    Args:
        method: Batch → losses; holds the model.
        optim: Optimiser and schedule.
        augment: Training transform.
        loader: Builds the training loader of one process from keywords epoch, rank, world and pin_memory.
        seed: All draws are functions of it and of epoch, batch and process.
    """

    def __init__(
        self,
        *,
        method: Supervised,
        optim: OptimConfig,
        augment: AugmentConfig,
        loader: Callable[..., DataLoader[Any]],
        seed: int,
    ) -> None:
        super().__init__()
        self.method = method
        self.optim = optim
        self.augment = augment
        self.loader = loader
        self.seed = seed
        self.meter = Meter()

    def train_dataloader(self) -> DataLoader[Any]:
        """This process's batches. The epoch is asked for when it begins, so a resumed run continues the order."""
        return self.loader(
            epoch=lambda: self.current_epoch,
            rank=self.global_rank,
            world=self.trainer.world_size,
            pin_memory=self.device.type == "cuda",
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """One optimiser; its learning rate is set before every step."""
        # A gradient scaler must unscale before clipping, which the fused kernel would do itself.
        fused = self.trainer.precision != "16-mixed"
        return build_optimizer(self.method.parameters(), self.optim, fused=fused)

    def transfer_batch_to_device(self, batch: ClipBatch, device: torch.device, dataloader_idx: int) -> ClipBatch:
        """Lightning does not move frozen dataclasses."""
        return batch.to(device, non_blocking=True)

    def on_train_epoch_start(self) -> None:
        """Start the epoch's means; what is frozen stays in eval mode."""
        self.meter.reset()
        keep_frozen(self.method.model)

    def on_train_batch_start(self, batch: ClipBatch, batch_idx: int) -> None:
        """Set the learning rate, a function of the (fractional) epoch; seed dropout."""
        if batch_idx == 0:
            # Runs resume at epoch ends, so once an epoch will do; not earlier: loaders draw a seed when they start.
            torch.manual_seed(self._seed("dropout", 0))
        rate = learning_rate(self.optim, self.current_epoch + batch_idx / int(self.trainer.num_training_batches))
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Transform on the device, one step of the method, the sum of its losses."""
        modalities = self.method.model.modalities
        draw = torch_generator(self._seed("augment", batch_idx))
        batch = transform(batch, modalities, augment=self.augment, generator=draw)
        step = self.method.step(batch, torch_generator(self._seed("drop", batch_idx)))
        loss = torch.stack(list(step.losses.values())).sum()
        losses = {f"loss/{name}": value for name, value in step.losses.items()}
        self.meter.update({"loss": loss, **losses, **step.logs}, clips=len(batch))
        return loss

    def _seed(self, purpose: str, batch_idx: int) -> int:
        return derive_seed(self.seed, purpose, self.current_epoch, batch_idx, self.global_rank)

"""The Lightning module: one step, its logs, its optimisers. It never names a method."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import DataLoader

from actionmae.core.seeds import derive_seed, numpy_generator, torch_generator
from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms.config import AugmentConfig
from actionmae.data.transforms.mixup import mix
from actionmae.data.transforms.transform import transform
from actionmae.methods.base import Draws, Method, Stage, StepOutput
from actionmae.nn.transfer import keep_frozen
from actionmae.training.config import OptimConfig
from actionmae.training.meter import Meter
from actionmae.training.optim import build_optimizer, learning_rate


class TrainingModule(LightningModule):
    """Runs one stage of a method under Lightning.

    A single group of parameters is optimised automatically; several are stepped one after the other for each batch,
    each from a forward pass of its own, with the other groups held still.

    Args:
        method: Batch → losses; holds the model.
        stage: Which of its stages.
        first_epoch: Epochs of the stages before.
        optim: Optimiser and schedule.
        augment: Training transform.
        loader: Builds the training loader of one process from keywords epoch, rank, world and pin_memory.
        seed: All draws are functions of it and of epoch, batch and process.
        accumulate: Forward passes per optimiser step.
    """

    def __init__(
        self,
        *,
        method: Method,
        stage: Stage,
        first_epoch: int,
        optim: OptimConfig,
        augment: AugmentConfig,
        loader: Callable[..., DataLoader[Any]],
        seed: int,
        accumulate: int = 1,
    ) -> None:
        super().__init__()
        self.method = method
        self.stage = stage
        self.first_epoch = first_epoch
        self.optim = optim
        self.augment = augment
        self.loader = loader
        self.seed = seed
        self.accumulate = accumulate
        self.meter = Meter()
        self.automatic_optimization = len(stage.groups) == 1

    @property
    def epoch(self) -> int:
        """Epochs done over all stages."""
        return self.first_epoch + self.current_epoch

    def train_dataloader(self) -> DataLoader[Any]:
        """This process's batches. The epoch is asked for when it begins, so a resumed run continues the order."""
        return self.loader(
            epoch=lambda: self.epoch,
            rank=self.global_rank,
            world=self.trainer.world_size,
            pin_memory=self.device.type == "cuda",
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """One optimiser for each group; its learning rate is set before every step."""
        # A gradient scaler must unscale before clipping, which the fused kernel would do itself.
        fused = self.trainer.precision != "16-mixed"
        named = [(name, each) for name, each in self.method.named_parameters() if each.requires_grad]
        optimizers = []
        for word, group in self.stage.groups.items():
            parameters = [parameter for name, parameter in named if group.has(name)]
            if not parameters:
                raise ValueError(f"stage {self.stage.name!r} has nothing to train in group {word!r}: unfreeze a part")
            optimizers.append(build_optimizer(parameters, self.optim, fused=fused))
        return optimizers

    def transfer_batch_to_device(self, batch: ClipBatch, device: torch.device, dataloader_idx: int) -> ClipBatch:
        """Lightning does not move frozen dataclasses."""
        return batch.to(device, non_blocking=True)

    def on_train_epoch_start(self) -> None:
        """Start the epoch's means; what is frozen stays in eval mode."""
        self.meter.reset()
        keep_frozen(self.method)

    def on_train_batch_start(self, batch: ClipBatch, batch_idx: int) -> None:
        """Set the learning rate, a function of the stage's (fractional) epoch; seed dropout."""
        if batch_idx == 0:
            # Runs resume at epoch ends, so once an epoch will do; not earlier: loaders draw a seed when they start.
            torch.manual_seed(derive_seed(self.seed, "dropout", self.epoch, self.global_rank))
        done = self.current_epoch + batch_idx / int(self.trainer.num_training_batches)
        rate = learning_rate(self.optim, done, epochs=self.stage.epochs)
        for optimizer, group in zip(self.trainer.optimizers, self.stage.groups.values(), strict=True):
            for each in optimizer.param_groups:
                each["lr"] = rate * group.lr_factor

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor | None:
        """Transform on the device, then one step of each group; the loss, where Lightning optimises it."""
        draw = torch_generator(self.seed, "augment", self.epoch, batch_idx, self.global_rank)
        model = self.method.model
        batch = transform(batch, model.modalities, augment=self.augment, generator=draw)
        if self.augment.mixup > 0:
            pairs = numpy_generator(self.seed, "mixup", self.epoch, batch_idx, self.global_rank)
            batch = mix(batch, alpha=self.augment.mixup, num_classes=len(model.classes), rng=pairs)
        if self.automatic_optimization:
            (name,) = self.stage.groups
            return self._record({name: self._step(batch, batch_idx, name)}, len(batch))
        done = {}
        for name, optimizer in zip(self.stage.groups, cast("list[Any]", self.optimizers()), strict=True):
            self.toggle_optimizer(optimizer)
            done[name] = self._step(batch, batch_idx, name)
            self.manual_backward(torch.stack(list(done[name].losses.values())).sum() / self.accumulate)
            last = batch_idx + 1 == int(self.trainer.num_training_batches)
            if last or (batch_idx + 1) % self.accumulate == 0:
                if self.optim.clip_norm is not None:
                    self.clip_gradients(optimizer, gradient_clip_val=self.optim.clip_norm)
                optimizer.step()
                optimizer.zero_grad()
            self.untoggle_optimizer(optimizer)
        return self._record(done, len(batch)).detach()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What a stage reads from model folders is not saved."""
        checkpoint["state_dict"] = self.own_weights()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """It has been read again by now."""
        checkpoint["state_dict"] = {**self.state_dict(), **checkpoint["state_dict"]}

    def _step(self, batch: ClipBatch, batch_idx: int, group: str) -> StepOutput:
        step = batch_idx // self.accumulate
        draws = Draws(
            shared=torch_generator(self.seed, "drop", self.epoch, step),
            own=torch_generator(self.seed, "drop", self.epoch, batch_idx, "of", self.global_rank),
        )
        return self.method.step(batch, draws, stage=self.stage.name, group=group)

    def _record(self, done: Mapping[str, StepOutput], clips: int) -> Tensor:
        """Add a step to the epoch's means; returns the sum of all losses."""
        losses = {name: value for step in done.values() for name, value in step.losses.items()}
        total = torch.stack(list(losses.values())).sum()
        logs = {name: value for step in done.values() for name, value in step.logs.items()}
        values = {"loss": total, **{f"loss/{name}": value for name, value in losses.items()}, **logs}
        self.meter.update(values, clips=clips)
        return total

    def own_weights(self) -> dict[str, Tensor]:
        """All but those that a stage reads from model folders, by their names in a checkpoint."""
        given = tuple(f"method.{part}." for part in self.method.outside)
        return {name: value for name, value in self.state_dict().items() if not name.startswith(given)}

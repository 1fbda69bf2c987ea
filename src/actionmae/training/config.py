"""Which clips are trained on and how the weights are updated, as settings. No torch here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from actionmae.core.choices import check_choice
from actionmae.data.transforms.config import AugmentConfig

Schedule = Literal["step", "linear", "cosine"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which clips, and how they are loaded.

    Attributes:
        manifest: The CSV with one row per clip.
        modalities: Names, or mappings {name: depth, num_frames: 8, …} that change what the manifest's `modalities.yaml`
            or the registry says; their order is the model's. Empty = the manifest's own columns.
        frame_size: Side in pixels of the network's square images, for all modalities of frames; None = each modality's
            own.
        protocol: "split" = the manifest's split column; otherwise a data set's rule, as in utd_mhad/cross-subject.
        val_subjects: Training subjects held out for validation; none by default (the last epoch is the result).
        batch_size: Clips per process and forward pass (§4.1: 32).
        eval_batch_size: The same for validation and test.
        num_workers: Processes that decode clips; 0 = the training process itself.
        cache: Keep every decoded and resized clip in memory (small data sets).
        skip_broken: A recording that cannot be read counts as missing, and is listed at the end, instead of ending the
            training.
        augment: Crop, flip, jitter and frame dropping of the training clips.

    Raises:
        ValueError: If a number is out of range.
    """

    manifest: Path
    modalities: tuple[str | dict[str, Any], ...] = ()
    frame_size: int | None = None
    protocol: str = "split"
    val_subjects: tuple[str | int, ...] = ()
    batch_size: int = 32
    eval_batch_size: int = 32
    num_workers: int = 0
    cache: bool = False
    skip_broken: bool = False
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        for name in ("batch_size", "eval_batch_size", "frame_size"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"data.{name} is {getattr(self, name)}: give at least 1")
        if self.num_workers < 0:
            raise ValueError(f"data.num_workers is {self.num_workers}: give 0 or more")


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """How the weights are updated. The defaults are the paper's (§4.1) where it says anything.

    Attributes:
        lr: Learning rate of AdamW at the start (§4.1: 1e-4).
        weight_decay: AdamW's decay, the same for all parameters (§4.1: 1e-4).
        epochs: Passes over the training clips. Paper §4.1 is silent: three steps of 30.
        schedule: "step" multiplies by `gamma` every `step_epochs`; "linear" falls to the same values along straight
            lines (§4.1: "linearly decayed by a factor of 10 every 30 epochs"); "cosine" falls to 0 over all epochs. A
            method that trains in stages begins anew in each.
        step_epochs: Epochs between two steps.
        gamma: The factor of one step, 0–1.
        warmup_epochs: Epochs (fractions allowed) over which the rate first rises from 0; 0 = none, as in the paper.
        clip_norm: Largest norm of the whole gradient; None = not clipped, as in the paper.

    Raises:
        ValueError: If a value is out of range.
    """

    lr: float = 1e-4
    weight_decay: float = 1e-4
    epochs: int = 90
    schedule: Schedule = "step"
    step_epochs: int = 30
    gamma: float = 0.1
    warmup_epochs: float = 0.0
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        check_choice("optim.schedule", self.schedule, Schedule)
        for name in ("lr", "epochs", "step_epochs"):
            if getattr(self, name) <= 0:
                raise ValueError(f"optim.{name} is {getattr(self, name)}: give a number above 0")
        for name in ("weight_decay", "warmup_epochs"):
            if getattr(self, name) < 0:
                raise ValueError(f"optim.{name} is {getattr(self, name)}: give 0 or more")
        if not 0 < self.gamma <= 1:
            raise ValueError(f"optim.gamma is {self.gamma}: give a factor above 0 and at most 1")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ValueError(f"optim.clip_norm is {self.clip_norm}: give a norm above 0, or null for no clipping")

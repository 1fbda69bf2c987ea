"""Which clips of a manifest go through a saved model, and how: arguments of evaluate and embed. No torch here."""

from dataclasses import dataclass, field
from typing import Literal

from actionmae.core.devices import check_device
from actionmae.evaluation.subset_plan import ALL_SUBSETS_UP_TO, check_limit

Split = Literal["train", "val", "test", "all"]


@dataclass(frozen=True, kw_only=True)
class ClipsConfig:
    """Which clips, and how they are loaded.

    Attributes:
        protocol: "split" = the manifest's split column; otherwise a data set's rule, as in utd_mhad/cross-subject.
        split: Which clips; all of them need no protocol.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
        batch_size: Clips per batch.
        num_workers: Processes that decode, for each device; 0 = the process that computes.
        skip_broken: A recording that cannot be read counts as missing, and is listed at the end, instead of ending all.

    Raises:
        ValueError: If a number is out of range, or there is no such device.
    """

    protocol: str = "split"
    split: Split = "all"
    device: str = "auto"
    batch_size: int = 32
    num_workers: int = 0
    skip_broken: bool = False

    def __post_init__(self) -> None:
        check_device(self.device)
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}: give at least 1")
        if self.num_workers < 0:
            raise ValueError(f"num_workers is {self.num_workers}: give 0 or more")


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig(ClipsConfig):
    """The same for scoring the subsets of a model's modalities.

    Attributes:
        num_devices: Processes, each on a device of its own; -1 = all GPUs. The counts do not depend on it.
        frame_loss: Also score clips that lost a fraction of their frames: single ones, and all after some moment.
        specialists: Top-1 in percent of models trained on one subset alone, as in {R: 80.1, D: 70.5}; adds the gap.
        all_subsets_up_to: The largest number of modalities of which all subsets are scored, 1–16; of more, the full
            set, single ones, pairs, leave-one-outs and a random sample of the others.
    """

    split: Split = "test"
    num_devices: int = 1
    frame_loss: bool = False
    specialists: dict[str, float] = field(default_factory=dict)
    all_subsets_up_to: int = ALL_SUBSETS_UP_TO

    def __post_init__(self) -> None:
        super().__post_init__()
        check_device(self.device, self.num_devices)
        check_limit(self.all_subsets_up_to)

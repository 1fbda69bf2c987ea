"""How fast, and how to repeat it: precision, processes, threads, seed."""

from dataclasses import dataclass
from typing import Literal

from actionmae.core.choices import check_choice

Strategy = Literal["ddp", "ddp_spawn", "ddp_fork"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How a training run uses the machine, and its seed.

    Attributes:
        num_nodes: Machines, started by SLURM or torchrun.
        strategy: How several processes are started: "ddp" runs the command again (also under SLURM and torchrun),
            "ddp_spawn" and "ddp_fork" start them from a notebook or test.
        precision: 32-true (the paper says nothing else), bf16-mixed or 16-mixed.
        accumulate: Forward passes per optimiser step. BatchNorm sees the clips of one pass.
        seed: Of initial weights, order, crops, frames, dropping.
        deterministic: Refuse operations whose result depends on timing.
        threads: CPU threads of each process; None = torch's choice. The same bits need the same number.
        compile: Compile the frame encoders (worth it for long runs on a GPU).
        sync_batchnorm: BatchNorm over all processes; refused where a process may lack a modality.
        save_every: Epochs between two checkpoints to resume from.
        log_every: Steps between two points of the TensorBoard curves.
        progress: Show a progress bar.

    Raises:
        ValueError: If a number is out of range or a word is none of the choices.
    """

    num_nodes: int = 1
    strategy: Strategy = "ddp"
    precision: Precision = "32-true"
    accumulate: int = 1
    seed: int = 0
    deterministic: bool = False
    threads: int | None = None
    compile: bool = False
    sync_batchnorm: bool = False
    save_every: int = 1
    log_every: int = 50
    progress: bool = True

    def __post_init__(self) -> None:
        check_choice("engine.strategy", self.strategy, Strategy)
        check_choice("engine.precision", self.precision, Precision)
        for name in ("num_nodes", "accumulate", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"engine.{name} is {getattr(self, name)}: give at least 1")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"engine.threads is {self.threads}: give at least 1, or null for torch's own choice")
        if self.seed < 0:
            raise ValueError(f"engine.seed is {self.seed}: give 0 or more")

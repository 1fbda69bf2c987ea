"""One stage under Lightning: which processes, how it ends, and what Lightning may not do."""

import logging
import re
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities import rank_zero_only
from torch.multiprocessing.spawn import ProcessRaisedException

from actionmae.core.process_group import forget_other_launchers, is_first_process, launcher
from actionmae.training.callbacks import EpochEnd, KeepSigterm
from actionmae.training.checkpoints import CheckpointFiles
from actionmae.training.loaders import TrainingClips
from actionmae.training.module import TrainingModule
from actionmae.training.progress_bar import ProgressBar
from actionmae.training.run_folder import RunFolder
from actionmae.training.settings import TrainSettings

_PEER_IS_GONE = ("closed by peer", "reset by peer", "remote process exited", "Broken pipe")
"""What gloo and NCCL say in the processes that are left."""


def join_group(settings: TrainSettings) -> bool:
    """Find out, before any process group exists, which of its processes this one is.

    Returns:
        Whether it is the first.

    Raises:
        ValueError: If several machines were asked for and no launcher has started their processes.
    """
    first = is_first_process(settings.num_processes)
    forget_other_launchers(settings.num_processes)
    if first:
        rank_zero_only.rank = 0  # type: ignore[attr-defined]  # Lightning has read the environment when it was imported
    if settings.engine.num_nodes > 1 and launcher(settings.num_processes) is None:
        raise ValueError(
            f"engine.num_nodes is {settings.engine.num_nodes}, but neither torchrun nor srun has started "
            f"{settings.num_processes} processes: let one of them start this command on every machine"
        )
    return first


def fit(
    module: TrainingModule,
    folder: RunFolder,
    *,
    clips: TrainingClips,
    settings: TrainSettings,
    resume: bool,
    checkpoint: Path | None = None,
) -> None:
    """Run Lightning. Afterwards `module` has the last epoch's weights.

    Args:
        module: The stage.
        folder: Where the run is recorded.
        clips: Those of the manifest.
        settings: Of the run.
        resume: Keep what the folder has of earlier epochs.
        checkpoint: Of this stage, to go on from.
    """
    epoch_end = EpochEnd(folder, settings=settings, clips=clips, resume=resume)
    weights = {name: weight.to("meta") for name, weight in module.own_weights().items()}  # for names and shapes alone
    with _quiet_lightning():
        try:
            trainer = pl.Trainer(
                max_epochs=module.stage.epochs,
                gradient_clip_val=module.optim.clip_norm if module.automatic_optimization else None,
                accumulate_grad_batches=settings.engine.accumulate if module.automatic_optimization else 1,
                callbacks=[epoch_end, KeepSigterm(), *([ProgressBar()] if settings.engine.progress else [])],
                plugins=[CheckpointFiles(folder.last, weights), *_environment(settings)],
                default_root_dir=folder.path,
                **trainer_options(settings),
            )
        except (MisconfigurationException, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                f"this machine cannot train like this ({reason}): choose another device, num_devices or engine"
            ) from error
        try:
            trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
        except BaseException as stop:
            if trainer.strategy.launcher is not None:
                trainer.strategy.launcher.kill(signal.SIGTERM)  # the other processes would wait for this one
            behind = what_stopped(stop, settings)
            if behind is stop:
                raise
            raise behind from None


def what_stopped(error: BaseException, settings: TrainSettings) -> BaseException:
    """The reason behind what Lightning raises: Ctrl-C, the end of another process, or the error itself.

    A spawned or forked process sends its error as a traceback in text, whose end is the sentence.
    """
    if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
        return KeyboardInterrupt()
    if isinstance(error, ProcessRaisedException):
        kinds = {kind.__name__: kind for kind in (ValueError, FileNotFoundError, OSError, ChildProcessError)}
        last = list(re.finditer(rf"^({'|'.join(kinds)}): ", str(error), re.MULTILINE))
        return kinds[last[-1][1]](str(error)[last[-1].end() :].strip()) if last else error
    if (
        isinstance(error, RuntimeError)
        and settings.num_processes != 1
        and any(word in str(error) for word in _PEER_IS_GONE)
    ):
        return ChildProcessError("another of the training processes has ended: it says why itself")
    return error


def trainer_options(settings: TrainSettings) -> dict[str, Any]:
    """Keywords for `lightning.Trainer`; loops, logs and checkpoints are this package's own callbacks."""
    engine, parallel = settings.engine, settings.num_processes != 1
    kind, _, number = settings.device.partition(":")
    return {
        "accelerator": kind,
        "devices": [int(number)] if number else settings.num_devices,
        "num_nodes": engine.num_nodes,
        # A modality absent on one process, K = 0 or a detached target leave parameters without gradient.
        "strategy": f"{engine.strategy}_find_unused_parameters_true" if parallel else "auto",
        "precision": engine.precision,
        "sync_batchnorm": engine.sync_batchnorm,
        "deterministic": engine.deterministic,
        "use_distributed_sampler": False,
        "num_sanity_val_steps": 0,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }


def _environment(settings: TrainSettings) -> list[Any]:
    """SLURM without requeueing: Lightning would resume in the middle of an epoch, and draw other clips."""
    if launcher(settings.num_processes) == "SLURM_STEP_NUM_TASKS":
        return [SLURMEnvironment(auto_requeue=False)]
    return []


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Its tips, and warnings that do not concern this package's loops."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in (
            ".*does not have many workers.*",
            ".*treespec, LeafSpec.*",
            ".*find_unused_parameters=True.*",
            ".*bucket view strides.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        try:
            yield
        finally:
            logger.setLevel(level)

"""From settings to a run folder with a finished model folder in it."""

import dataclasses
import functools
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities import rank_zero_only

from actionmae.inference.card import model_card
from actionmae.inference.evaluate import command_line, write_scores
from actionmae.inference.scoring import ClipScorer, pick_device
from actionmae.methods import MethodConfig, build_method
from actionmae.nn.checkpoint import save_model
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.transfer import Initialised, Parts, freeze, initialise
from actionmae.training.callbacks import EpochEnd
from actionmae.training.config import DataConfig, OptimConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import TrainingClips, read_clips, train_loader
from actionmae.training.module import TrainingModule
from actionmae.training.progress_bar import ProgressBar
from actionmae.training.run_folder import RunFolder, plain

log = logging.getLogger(__name__)

Select = Literal["last", "val"]

_PAPER_MODEL = ClassifierConfig(action_mae=True)
_PAPER_METHOD = MethodConfig()
_PAPER_OPTIM = OptimConfig()
_ENGINE = EngineConfig()


def train(
    run: Path | str,
    *,
    data: DataConfig,
    model: ClassifierConfig = _PAPER_MODEL,
    method: MethodConfig = _PAPER_METHOD,
    optim: OptimConfig = _PAPER_OPTIM,
    engine: EngineConfig = _ENGINE,
    init: Sequence[Path] = (),
    init_parts: Parts = "all",
    freeze_init: bool = False,
    select: Select = "last",
    score: bool = True,
    resume: bool = False,
    overwrite: bool = False,
) -> Path:
    """Train a classifier and write its run folder.

    The test clips never choose anything: they are scored once at the end, if there are any.

    Args:
        run: The run folder.
        data: Which clips.
        model: Architecture.
        method: What is optimised.
        optim: Optimiser and schedule.
        engine: Devices, precision, seed.
        init: Model folders to fine-tune from: one gives all that fits, several give their encoders.
        init_parts: What is taken from them: all, encoders (Table 7d: S+T) or space (S).
        freeze_init: Train only the rest.
        select: Which epoch is the result: the last, or the best on the validation clips (mean top-1 over subsets).
        score: Write the robustness report of the test clips.
        resume: Go on from the last checkpoint, if there is one; a finished run is left as it is.
        overwrite: Replace an earlier run in this folder.

    Returns:
        The model folder, `run/model`.

    Raises:
        FileNotFoundError: If the manifest or a recording does not exist.
        ValueError: If settings are out of range, do not fit each other or the data, or another run is in the way.
    """
    folder = RunFolder(Path(run))
    settings: dict[str, Any] = {"run": run, "data": data, "model": model, "method": method, "optim": optim}
    settings |= {
        "engine": engine,
        "init": tuple(init),
        "init_parts": init_parts,
        "freeze_init": freeze_init,
        "select": select,
        "score": score,
    }
    if _is_first_process():
        folder.check(settings, resume=resume, overwrite=overwrite)
    if resume and folder.finished and folder.epochs_done >= optim.epochs:
        log.info("run %s is finished", folder.path)
        return folder.model
    if engine.threads is not None:
        torch.set_num_threads(engine.threads)
    clips = read_clips(data)
    _check(clips, engine, select)
    torch.manual_seed(engine.seed)
    network = MultiModalClassifier(modalities=clips.modalities, classes=clips.classes, config=model)
    initialised = initialise(network, init, parts=init_parts) if init else None
    if freeze_init:
        if initialised is None:
            raise ValueError("freeze_init is set but nothing is loaded: name model folders with init")
        freeze(network, initialised)
    module = TrainingModule(
        method=build_method(method, network),
        optim=optim,
        augment=data.augment,
        loader=functools.partial(train_loader, clips, data, seed=engine.seed),
        seed=engine.seed,
    )
    if engine.compile:
        compile_encoders(network)
    if _is_first_process():
        folder.begin(settings, resume=resume)
    _fit(module, folder, clips=clips, data=data, engine=engine, select=select, resume=resume)
    if _is_first_process():
        # Lightning leaves the weights on the CPU.
        network.to(pick_device("cpu" if engine.accelerator == "cpu" else "auto"))
        facts = provenance(settings, clips, initialised)
        _finish(network, folder, clips=clips, data=data, select=select, score=score, facts=facts)
    return folder.model


def _is_first_process() -> bool:
    """Known from the environment before any process group exists (SLURM, torchrun, Lightning's own launcher)."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def compile_encoders(network: MultiModalClassifier) -> None:
    """Compile the frame encoders, where the time goes. How many rows they get differs from batch to batch."""
    for spec, stream in zip(network.modalities, network.encoders, strict=True):
        if spec.kind == "frames":
            stream.space.network.compile(dynamic=True)  # type: ignore[union-attr]  # a ModuleList forgets types


def _check(clips: TrainingClips, engine: EngineConfig, select: Select) -> None:
    if select == "val" and not clips.splits.val:
        raise ValueError("select is 'val' but there are no validation clips: name data.val_subjects, or select last")
    missing = [name for name, rate in clips.missing_rates().items() if rate > 0]
    if engine.sync_batchnorm and missing:
        raise ValueError(
            f"engine.sync_batchnorm cannot be used, {missing[0]} is missing in some training clips and a process "
            "without it would wait for ever: use model.norm frozen or group"
        )


def _fit(
    module: TrainingModule,
    folder: RunFolder,
    *,
    clips: TrainingClips,
    data: DataConfig,
    engine: EngineConfig,
    select: Select,
    resume: bool,
) -> None:
    """Run Lightning. Afterwards `module` has the last epoch's weights."""
    epoch_end = EpochEnd(
        folder,
        val=clips.splits.val,
        data=data,
        keep_best=select == "val",
        save_every=engine.save_every,
        log_every=engine.log_every,
    )
    with _quiet_lightning():
        try:
            trainer = pl.Trainer(
                max_epochs=module.optim.epochs,
                gradient_clip_val=module.optim.clip_norm,
                callbacks=[epoch_end, *([ProgressBar()] if engine.progress else [])],
                logger=False,
                default_root_dir=folder.path,
                **engine.trainer_options(),
            )
        except MisconfigurationException as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"this machine cannot run engine {engine}: {reason}") from error
        checkpoint = folder.last if resume and folder.last.is_file() else None
        try:
            trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
        except SystemExit as stop:
            if trainer.interrupted and isinstance(stop.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise


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


def _finish(
    network: MultiModalClassifier,
    folder: RunFolder,
    *,
    clips: TrainingClips,
    data: DataConfig,
    select: Select,
    score: bool,
    facts: dict[str, Any],
) -> None:
    """Choose the weights, score the test clips, write the model folder last."""
    if select == "val":
        network.load_state_dict(torch.load(folder.best, map_location="cpu", weights_only=True))
    table = None
    if score and clips.splits.test:
        scorer = ClipScorer(clips.splits.test, network, batch_size=data.eval_batch_size, num_workers=data.num_workers)
        brief = {"model": str(folder.model), "manifest": str(data.manifest), "protocol": data.protocol, "split": "test"}
        brief["seed"] = facts["settings"]["engine"]["seed"]
        table = write_scores(scorer(network), folder.path, facts=brief)
    save_model(network.cpu(), folder.model, provenance=facts, card=model_card(network, table, facts))


def provenance(settings: dict[str, Any], clips: TrainingClips, initialised: Initialised | None) -> dict[str, Any]:
    """JSON-ready facts that say where a model comes from."""
    versions = {name: metadata.version(name) for name in ("actionmae", "torch", "timm", "lightning")}
    return {
        "command": command_line(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions | {"python": sys.version.split()[0]},
        "settings": plain(settings),
        "clips": clips.counts(),
        "missing_rates": clips.missing_rates(),
        "initialised": None if initialised is None else dataclasses.asdict(initialised),
    }

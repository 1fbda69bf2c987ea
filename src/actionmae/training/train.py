"""From settings to a run folder with a finished model folder in it."""

import dataclasses
import functools
import logging
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from actionmae.core.devices import pick_device
from actionmae.core.files import write_text
from actionmae.data.loading.broken import log_broken
from actionmae.inference.card import model_card
from actionmae.inference.evaluate import command_line, write_scores
from actionmae.inference.scoring import ClipScorer
from actionmae.methods.base import Method, Stage, build_method
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import save_model
from actionmae.nn.space_encoder import SpaceEncoder
from actionmae.nn.space_time_encoder import SpaceTimeEncoder
from actionmae.nn.transfer import Initialised, freeze, initialise
from actionmae.training.checkpoints import check_weights, read_checkpoint
from actionmae.training.fit import fit, join_group
from actionmae.training.loaders import TrainingClips, read_clips, train_loader
from actionmae.training.module import TrainingModule
from actionmae.training.run_folder import RunFolder
from actionmae.training.settings import TrainSettings

log = logging.getLogger(__name__)


def train(run: Path | str, settings: TrainSettings, *, resume: bool = False, overwrite: bool = False) -> Path:
    """Train a classifier and write its run folder.

    The test clips never choose anything: they are scored once at the end, if there are any.

    Args:
        run: The run folder: new, empty, or one of an earlier run.
        settings: What is trained on what; `TrainSettings.from_yaml` reads them from a file.
        resume: Go on from the last checkpoint, if there is one; a finished run is left as it is.
        overwrite: Replace an earlier run in this folder, as soon as the new one has finished an epoch.

    Returns:
        The model folder, `run/model`.

    Raises:
        FileNotFoundError: If the manifest or a recording does not exist.
        ValueError: If settings do not fit each other or the data, another run is in the way, or another process trains
            in the folder.
    """
    folder = RunFolder(Path(run))
    first = join_group(settings)
    with folder.locked() if first else nullcontext():
        if first:
            folder.check(settings, resume=resume, overwrite=overwrite)
        trained = resume and folder.trained_epochs >= settings.optim.epochs
        if trained and (folder.scores.is_file() or not settings.score):
            log.info("run %s is finished", folder.path)
            return folder.model
        if settings.engine.threads is not None:
            torch.set_num_threads(settings.engine.threads)
        clips = read_clips(settings.data)
        if trained and not clips.splits.test:
            return folder.model
        _check(clips, settings)
        method, initialised = _build(settings, clips)
        if first and resume:
            folder.check_stages(method, settings.optim.epochs)
        _run_stages(method, folder, clips=clips, settings=settings, resume=resume, first=first)
        if first:
            network = method.model
            # Lightning leaves the weights on the CPU.
            network.to(pick_device(settings.device))
            facts = provenance(settings, clips, initialised)
            _finish(network, folder, clips=clips, settings=settings, facts=facts)
    return folder.model


def _build(settings: TrainSettings, clips: TrainingClips) -> tuple[Method, Initialised | None]:
    """What is trained, and what its initial weights were taken from."""
    torch.manual_seed(settings.engine.seed)
    method = build_method(settings.method, modalities=clips.modalities, classes=clips.classes, model=settings.model)
    network = method.model
    initialised = initialise(network, settings.init, parts=settings.init_parts) if settings.init else None
    if settings.freeze_init:
        if initialised is None:
            raise ValueError("freeze_init is set but nothing is loaded: name model folders with init")
        freeze(network, initialised)
    if settings.engine.compile:
        compile_encoders(network)
    return method, initialised


def compile_encoders(network: SavedModel) -> None:
    """Compile the frame encoders, where the time goes. How many rows they get differs from batch to batch."""
    for module in network.modules():
        if isinstance(module, SpaceEncoder | SpaceTimeEncoder):
            module.network.compile(dynamic=True)


def _check(clips: TrainingClips, settings: TrainSettings) -> None:
    if settings.select == "val" and not clips.splits.val:
        raise ValueError("select is 'val' but there are no validation clips: name data.val_subjects, or select last")
    reasons = [f"{name} is missing in some training clips" for name, rate in clips.missing_rates().items() if rate > 0]
    if getattr(settings.method, "drop_per", "batch") == "sample":
        reasons.append("method.drop_per is sample")
    if settings.data.skip_broken:
        reasons.append("data.skip_broken is true")
    if settings.engine.sync_batchnorm and reasons:
        raise ValueError(
            f"engine.sync_batchnorm cannot be used: {reasons[0]}, so one process may lack a sensor in a step, and the "
            "others would wait for it for ever; set engine.sync_batchnorm to false"
        )


def _run_stages(
    method: Method, folder: RunFolder, *, clips: TrainingClips, settings: TrainSettings, resume: bool, first: bool
) -> None:
    """Train stage by stage; afterwards the method has the last epoch's weights.

    A finished stage leaves its last checkpoint under its own name, so that a resumed run begins with the next one.
    `first` says whether this is the first of the training processes, which renames it.
    """
    frozen = frozenset(name for name, parameter in method.named_parameters() if not parameter.requires_grad)
    *earlier, last = method.stages(settings.optim.epochs)
    first_epoch = 0
    # Once a stage has been trained here, the checkpoint is that stage's, whether or not it has been renamed yet.
    checkpoint = folder.last if resume and folder.last.is_file() else None
    for stage in earlier:
        method.begin(stage)
        method.enter(stage, frozen=frozen)
        module = _module(method, stage, first_epoch, clips=clips, settings=settings)
        finished = folder.stage(stage.name)
        if resume and finished.is_file():
            state = read_checkpoint(finished).get("state_dict", {})
            check_weights(state, module.own_weights(), finished)
            module.load_state_dict(state, strict=False)
        else:
            log.info("stage %s: %d epochs", stage.name, stage.epochs)
            begun = resume or first_epoch > 0
            fit(module, folder, clips=clips, settings=settings, resume=begun, checkpoint=checkpoint)
            checkpoint = None
            if first:
                folder.last.replace(finished)
        first_epoch += stage.epochs
    method.begin(last)
    method.enter(last, frozen=frozen)
    module = _module(method, last, first_epoch, clips=clips, settings=settings)
    begun = resume or first_epoch > 0
    fit(module, folder, clips=clips, settings=settings, resume=begun, checkpoint=checkpoint)


def _module(
    method: Method, stage: Stage, first_epoch: int, *, clips: TrainingClips, settings: TrainSettings
) -> TrainingModule:
    return TrainingModule(
        method=method,
        stage=stage,
        first_epoch=first_epoch,
        optim=settings.optim,
        augment=settings.data.augment,
        loader=functools.partial(train_loader, clips, settings.data, seed=settings.engine.seed),
        seed=settings.engine.seed,
        accumulate=settings.engine.accumulate,
    )


def _finish(
    network: SavedModel,
    folder: RunFolder,
    *,
    clips: TrainingClips,
    settings: TrainSettings,
    facts: dict[str, Any],
) -> None:
    """Choose the weights, write the model folder, then score the test clips and say so in its card."""
    data = settings.data
    if settings.select == "val":
        best = read_checkpoint(folder.best)
        check_weights(best, network.state_dict(), folder.best)
        network.load_state_dict(best)
    folder.scores.unlink(missing_ok=True)  # of fewer epochs
    save_model(network, folder.model, provenance=facts, card=model_card(network, None, facts))
    if not (settings.score and clips.splits.test):
        return
    scorer = ClipScorer(
        clips.splits.test,
        network,
        batch_size=data.eval_batch_size,
        num_workers=data.num_workers,
        skip_broken=data.skip_broken,
    )
    try:
        scores = scorer(network)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"the model is finished ({folder.model}), but its test clips cannot be scored: {error}; mend or remove it, "
            "or let data.skip_broken be true, then resume the run"
        ) from error
    brief = {"model": str(folder.model), "manifest": str(data.manifest), "protocol": data.protocol, "split": "test"}
    table = write_scores(scores, folder.path, facts={**brief, "seed": settings.engine.seed})
    write_text(folder.model / "README.md", model_card(network, table, facts))
    log_broken(scorer.broken, "test")


def provenance(settings: TrainSettings, clips: TrainingClips, initialised: Initialised | None) -> dict[str, Any]:
    """JSON-ready facts that say where a model comes from."""
    versions = {name: metadata.version(name) for name in ("actionmae", "torch", "timm", "lightning")}
    return {
        "command": command_line(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions | {"python": sys.version.split()[0]},
        "settings": settings.to_dict(),
        "clips": clips.counts(),
        "missing_rates": clips.missing_rates(),
        "initialised": None if initialised is None else dataclasses.asdict(initialised),
    }

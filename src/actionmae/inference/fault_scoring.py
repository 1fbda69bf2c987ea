"""Clips of which one sensor at a time is degraded → how often the model is still right.

The other sensors are encoded once; of the broken one, all faults and severities of a clip are one batch.

Shapes: R rows (one for each degraded recording), M modality, C token, K classes.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from actionmae.core.calibration import Ranges
from actionmae.core.devices import pick_device
from actionmae.core.modality import ModalitySpec
from actionmae.data.loading.collate import collate
from actionmae.data.manifest import ClipRow, read_manifest
from actionmae.data.reading.readers import FrameReader, open_reader
from actionmae.data.splits import check_labels, rows_for_model, split_rows
from actionmae.data.transforms.transform import transform
from actionmae.evaluation.faults import FaultRow
from actionmae.inference.faults import FAULTS, Degraded
from actionmae.inference.health import find_broken, require_ranges
from actionmae.inference.kept_frames import KeptFrames
from actionmae.inference.predictor import as_tensors
from actionmae.inference.read_stored import StoredSample, read_stored, warn_of_clocks
from actionmae.inference.subset_scoring import predictable
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model

_Case = tuple[str, str, int, str]
"""Sensor, fault, severity, level."""


def score_model_faults(
    folder: Path,
    manifest: Path,
    *,
    protocol: str = "split",
    split: str = "test",
    health: bool = False,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> list[FaultRow]:
    """See `score_faults`, with a saved model and the clips of a manifest.

    Args:
        folder: Model.
        manifest: CSV.
        protocol: As in `DataConfig`.
        split: Which clips.
        health: Also with the health check.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
        progress: Called with (clips done now, clips in all).

    Raises:
        FileNotFoundError: If the model, the manifest or a recording does not exist.
        ValueError: If they do not fit each other, or the model does not know what healthy recordings look like.
    """
    model = load_model(folder, device=pick_device(device))
    healthy = require_ranges(model.calibration) if health else None
    read = read_manifest(manifest)
    rows = rows_for_model(read, split_rows(read, protocol=protocol, split=split), model.modalities)
    check_labels(rows, model.classes)
    told = None if progress is None else lambda clips: progress(clips, len(rows))
    return score_faults(model, rows, healthy=healthy, progress=told)


class _Tally:
    def __init__(self) -> None:
        self.n = self.correct = self.checked = self.found = 0

    def add(self, right: bool, right_without: bool, found: bool) -> None:
        self.n += 1
        self.correct += right
        self.found += found
        self.checked += right_without if found else right


@torch.inference_mode()
def score_faults(
    model: SavedModel,
    rows: Sequence[ClipRow],
    *,
    healthy: Ranges | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[FaultRow]:
    """Degrade one sensor at a time in every way that it can fail, at five severities.

    Args:
        model: In eval mode.
        rows: Labelled clips.
        healthy: Ranges for the health check; None = without. A clip counts as wrong if a sensor is found broken without
            which the model does not predict.
        progress: Called with the number of clips after each.

    Returns:
        For each sensor "none", "missing" (where the model predicts from the others of some clip), then its faults. What
        the model does not predict from as it is recorded is left out.

    Raises:
        FileNotFoundError: If a recording does not exist.
        ValueError: If a recording is broken, or the model predicts from no clip as it is recorded.
    """
    tallies: dict[_Case, _Tally] = defaultdict(_Tally)
    for row in rows:
        _score_clip(model, row, healthy or {}, tallies)
        if progress is not None:
            progress(1)
    if not tallies:
        raise ValueError(
            "the model predicts from no clip with all the sensors that were recorded: give clips with fewer sensors"
        )
    order = {name: at for at, name in enumerate(model.modalities.names)}
    names = ["none", "missing", *(fault.name for fault in FAULTS)]
    return [
        FaultRow(
            sensor=case[0],
            fault=case[1],
            severity=case[2],
            level=case[3],
            n=tally.n,
            correct=tally.correct,
            checked=None if healthy is None else tally.checked,
            found=None if healthy is None else tally.found,
        )
        for case, tally in sorted(
            tallies.items(), key=lambda item: (order[item[0][0]], names.index(item[0][1]), item[0][2])
        )
    ]


def _score_clip(model: SavedModel, row: ClipRow, healthy: Ranges, tallies: Mapping[_Case, _Tally]) -> None:
    label = model.classes.index(row.label)
    specs = [spec for spec in model.modalities if spec.name in row.files]
    readers = {spec.name: open_reader(row.files[spec.name], spec) for spec in specs}
    readers = {name: KeptFrames(each) if _is_image(model, name) else each for name, each in readers.items()}
    warn_of_clocks(row.sample, readers)
    clean = read_stored(row.sample, readers, model.modalities)
    tokens, available = _encode(model, [clean])
    if not predictable(model, available):
        return
    alarms = find_broken(clean, healthy)
    right = bool(_answers(model, tokens, available)[0] == label)
    for spec in specs:
        slot = model.modalities.index(spec.name)
        rest = available.clone()
        rest[:, slot] = False
        left = bool(predictable(model, rest))
        right_without = left and bool(_answers(model, tokens, rest)[0] == label)
        tallies[spec.name, "none", 0, ""].add(right, right_without, spec.name in alarms)
        if left:
            tallies[spec.name, "missing", 0, ""].add(right_without, right_without, False)
        cases, samples = _degrade(row.sample, readers[spec.name], spec, model)
        if not cases:
            continue
        broken, _ = _encode(model, samples)
        together = tokens.repeat(len(cases), 1, 1)
        together[:, slot] = broken[:, slot]
        answers = _answers(model, together, available.expand(len(cases), -1))
        for case, sample, answer in zip(cases, samples, answers.tolist(), strict=True):
            tallies[case].add(answer == label, right_without, bool(find_broken(sample, healthy)))


def _is_image(model: SavedModel, name: str) -> bool:
    return model.modalities[name].kind == "frames"


def _degrade(
    sample: str, reader: FrameReader, spec: ModalitySpec, model: SavedModel
) -> tuple[list[_Case], list[StoredSample]]:
    cases, samples = [], []
    for fault in FAULTS:
        for severity, level in enumerate(fault.levels_for(spec), start=1):
            key = ("fault", fault.name, severity, spec.name, sample)
            changed = fault.apply(Degraded(reader=reader, spec=spec, level=level, key=key))
            if changed is not None:
                cases.append((spec.name, fault.name, severity, fault.unit.format(level)))
                samples.append(read_stored(sample, {spec.name: changed}, model.modalities))
    return cases, samples


def _encode(model: SavedModel, samples: Sequence[StoredSample]) -> tuple[Float[Tensor, "R M C"], Bool[Tensor, "R M"]]:
    device = next(model.parameters()).device
    named = [as_tensors(replace(sample, sample=f"{sample.sample} {at}")) for at, sample in enumerate(samples)]
    batch = transform(collate(named).to(device), model.modalities)
    return model.encode(batch), batch.available


def _answers(model: SavedModel, tokens: Tensor, visible: Tensor) -> Int64[Tensor, " R"]:
    return model.classify(*model.reconstruct(tokens, visible)).argmax(dim=1).cpu()

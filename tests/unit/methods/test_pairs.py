"""Methods for a fixed pair: losses against loops over clips and frames, where gradients go, stages and switches."""

import math
import re
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws, Method, build_method, method_config
from actionmae.methods.config.pairs import ADMDConfig
from actionmae.nn import ClassifierConfig
from helpers.builders import tiny_batch
from helpers.bypass import with_fields
from helpers.tiny_models import VECTORS, WIDTH

PAIR = ModalitySet(VECTORS[:2])
NAMES = ("hallucination", "modality_distillation", "admd")
SMOOTHING = 0.1


def build(name: str, modalities: ModalitySet = PAIR, **options: Any) -> Any:
    torch.manual_seed(0)
    config = method_config({"name": name, **options})
    return build_method(config, modalities=modalities, classes=list("abcde"), model=ClassifierConfig(**WIDTH))


def ready(name: str, stage: str, **options: Any) -> Any:
    """As the stage begins, in eval mode so that forward passes agree."""
    method = build(name, **options)
    chosen = {each.name: each for each in method.stages(1)}[stage]
    method.begin(chosen)
    method.enter(chosen)
    return method.eval()


def losses(method: Method, batch: ClipBatch, stage: str, group: str = "") -> dict[str, Tensor]:
    return method.step(batch, Draws.from_seed(0), stage=stage, group=group or stage).losses


def batch_of(
    rows: Sequence[tuple[bool, bool]] = ((True, True), (True, False), (False, True), (True, True)),
) -> ClipBatch:
    return tiny_batch(PAIR, len(rows), available=torch.tensor(rows), lost_frames=True)


def cross_entropy(logits: Tensor, label: int, smoothing: float = SMOOTHING) -> float:
    total = 0.0
    exps = [math.exp(value) for value in logits.tolist()]
    for at, each in enumerate(exps):
        target = smoothing / len(exps) + (1 - smoothing) * (at == label)
        total -= target * math.log(each / sum(exps))
    return total


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def distance(one: Tensor, other: Tensor) -> float:
    return sum((sigmoid(a) - sigmoid(b)) ** 2 for a, b in zip(one.tolist(), other.tolist(), strict=True))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def mean_ce(logits: Tensor, batch: ClipBatch, needs: Sequence[int], smoothing: float = SMOOTHING) -> float:
    rows = [row for row in range(len(batch)) if all(batch.available[row, slot] for slot in needs)]
    return mean([cross_entropy(logits[row], int(batch.labels[row]), smoothing) for row in rows])


@pytest.mark.parametrize("name", NAMES)
def test_the_first_stage_trains_each_stream_alone(name: str) -> None:
    method, batch = ready(name, "streams"), batch_of()
    model = method.model
    got = losses(method, batch, "streams")
    with torch.no_grad():
        kept, lost = model.kept_stream(model.kept_frames(batch)), model.lost_stream(model.lost_frames(batch))
    assert got["kept"].item() == pytest.approx(mean_ce(kept, batch, [0]), rel=1e-4)
    assert got["lost"].item() == pytest.approx(mean_ce(lost, batch, [1]), rel=1e-4)


def test_hallucination_is_five_classifications_and_a_distance_that_begins_ten_times_as_large() -> None:
    method, batch = ready("hallucination", "joint", cls_weight=2.0), batch_of()
    model = method.model
    got = losses(method, batch, "joint")
    with torch.no_grad():
        lost, imagined = model.lost_frames(batch), model.imagined_frames(batch)
        r, d, h = model.kept_stream(model.kept_frames(batch)), model.lost_stream(lost), model.hallucination(imagined)
    wanted = {
        "kept": mean_ce(r, batch, [0]),
        "lost": mean_ce(d, batch, [1]),
        "imagined": mean_ce(h, batch, [0]),
        "kept_lost": mean_ce((r + d) / 2, batch, [0, 1]),
        "kept_imagined": mean_ce((r + h) / 2, batch, [0]),
    }
    clips = []
    for row in (0, 3):  # both exist
        frames = [at for at in range(2) if lost.there[row, at] and imagined.there[row, at]]
        clips.append(mean([distance(imagined.features[row, at], lost.features[row, at]) for at in frames]))
    for name, value in wanted.items():
        assert got[name].item() == pytest.approx(2 * value, rel=1e-4)
    assert got["hallucination"].item() == pytest.approx(10 * mean(list(wanted.values())), rel=1e-4)
    scale = method.scale.item()
    assert scale == pytest.approx(10 * mean(list(wanted.values())) / mean(clips), rel=1e-4)
    other = tiny_batch(PAIR, 4, available=torch.ones(4, 2, dtype=torch.bool), seed=1)
    losses(method, other, "joint")
    assert method.scale.item() == scale, "set once"
    assert "scale" in method.state_dict()


@pytest.mark.parametrize("stage", ["pair", "finetune"])
def test_two_connected_streams_predict_by_the_mean_of_their_logits(stage: str) -> None:
    method, batch = ready("modality_distillation", stage), batch_of()
    nn.init.normal_(method.model.connection.weight)
    shown = torch.ones_like(batch.available)
    if stage == "finetune":
        shown[:, 1] = False
    rows = batch.available.all(dim=1) if stage == "pair" else batch.available[:, 0]
    with torch.no_grad():
        tokens = method.model.encode(batch)
        logits = method.model.classify(tokens[rows], (shown & batch.available)[rows])
    wanted = mean([cross_entropy(*each) for each in zip(logits, batch.labels[rows].tolist(), strict=True)])
    assert losses(method, batch, stage)["cls"].item() == pytest.approx(wanted, rel=1e-4)


def test_distillation_weighs_labels_soft_targets_and_features() -> None:
    options = {"temperature": 3.0, "soft_share": 0.2, "feature_share": 0.4}
    method, batch = ready("modality_distillation", "hallucination", **options), batch_of()
    model = method.model
    with torch.no_grad():
        target, token = (
            model.lost_stream.token(model.lost_frames(batch)),
            model.hallucination.token(model.imagined_frames(batch)),
        )
        teacher, student = model.lost_stream.head(target), model.hallucination.head(token)
    soft, features = [], []
    for row in (0, 3):
        exps = [math.exp(value / 3.0) for value in teacher[row].tolist()]
        total = sum(math.exp(value) for value in student[row].tolist())
        logs = [value - math.log(total) for value in student[row].tolist()]
        soft.append(-sum(each / sum(exps) * log for each, log in zip(exps, logs, strict=True)))
        features.append(distance(token[row], target[row]))
    got = losses(method, batch, "hallucination")
    assert got["hard"].item() == pytest.approx(0.6 * 0.8 * mean_ce(student, batch, [0]), rel=1e-4)
    assert got["soft"].item() == pytest.approx(0.6 * 0.2 * mean(soft), rel=1e-4)
    assert got["hallucination"].item() == pytest.approx(0.4 * mean(features), rel=1e-4)


def test_admd_plays_with_one_class_more() -> None:
    method, batch = ready("admd", "adversarial"), batch_of()
    model, critic = method.model, method.discriminator
    with torch.no_grad():
        real = critic(model.lost_stream.token(model.lost_frames(batch)))
        fake = critic(model.hallucination.token(model.imagined_frames(batch)))
        pair = (model.kept_stream(model.kept_frames(batch)) + model.lost_stream(model.lost_frames(batch))) / 2
    assert real.shape == (4, 6)
    got = losses(method, batch, "adversarial", "discriminator")
    assert got["real"].item() == pytest.approx(mean_ce(real, batch, [1], 0.0), rel=1e-4)
    wanted = mean([cross_entropy(fake[row], 5, 0.0) for row in (0, 1, 3)])
    assert got["fake"].item() == pytest.approx(wanted, rel=1e-4)
    got = losses(method, batch, "adversarial", "hallucination")
    assert got["fool"].item() == pytest.approx(mean_ce(fake, batch, [0], 0.0), rel=1e-4)
    assert losses(method, batch, "pair")["cls"].item() == pytest.approx(mean_ce(pair, batch, [0, 1]), rel=1e-4)


def test_the_weight_of_hallucination_waits_for_a_clip_that_has_both() -> None:
    """Without one there is no distance yet, and a weight of a millionth part of nothing would stay for good."""
    method = ready("hallucination", "joint")
    losses(method, batch_of(((True, False), (False, True))), "joint")
    assert method.scale == 0
    losses(method, batch_of(), "joint")
    assert 0 < method.scale < 1000


KEPT, LOST, IMAGINES = "model.kept_stream", "model.lost_stream", "model.hallucination"
UPPER = f"{LOST}.encoder.time"
GRADIENTS = [
    ("hallucination", "streams", "streams", {KEPT, LOST}, set()),
    ("hallucination", "joint", "joint", {KEPT, UPPER, f"{LOST}.head", IMAGINES}, {f"{LOST}.encoder.space"}),
    ("modality_distillation", "streams", "streams", {KEPT, LOST}, set()),
    ("modality_distillation", "pair", "pair", {KEPT, LOST, "model.connection"}, {IMAGINES}),
    ("modality_distillation", "hallucination", "hallucination", {IMAGINES}, {KEPT, LOST, "model.connection"}),
    ("modality_distillation", "finetune", "finetune", {KEPT, IMAGINES, "model.connection"}, {LOST}),
    ("admd", "pair", "pair", {KEPT, LOST}, {IMAGINES, "discriminator"}),
    ("admd", "adversarial", "discriminator", {"discriminator"}, {KEPT, LOST, IMAGINES}),
    ("admd", "adversarial", "hallucination", {f"{IMAGINES}.encoder"}, {KEPT, LOST, f"{IMAGINES}.head"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "stage", "group", "reached", "spared"), GRADIENTS)
def test_gradients_reach_what_a_group_trains_and_nothing_that_is_frozen(
    name: str, stage: str, group: str, reached: set[str], spared: set[str]
) -> None:
    """The losses themselves keep away from targets: everything is made trainable first."""
    method, batch = ready(name, stage), batch_of()
    for parameter in method.parameters():
        parameter.requires_grad_(True)
    torch.stack(list(losses(method, batch, stage, group).values())).sum().backward()
    moved = {key for key, each in method.named_parameters() if each.grad is not None and each.grad.abs().max() > 0}
    for part in reached:
        assert any(key.startswith(f"{part}.") for key in moved), part
    for part in spared - ({f"{IMAGINES}.head"} if group == "hallucination" else set()):
        assert not any(key.startswith(f"{part}.") for key in moved), part
    trained = {each.name: each for each in method.stages(1)}[stage].groups[group]
    assert all(not trained.has(f"{part}.weight") for part in spared)
    assert all(trained.has(f"{part}.weight") for part in reached)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_a_modality_still_has_losses_to_go_back_from(name: str) -> None:
    method = build(name)
    for rows in ([(True, False)] * 2, [(False, True)] * 2):
        for stage in method.stages(1):
            method.enter(stage)
            for group in stage.groups:
                method.zero_grad()
                total = torch.stack(list(losses(method, batch_of(rows), stage.name, group).values())).sum()
                assert total.isfinite()
                total.backward()


@pytest.mark.parametrize("name", NAMES)
def test_stages_last_as_long_each_or_together(name: str) -> None:
    stages = build(name, stage_epochs="each").stages(10)
    assert {stage.epochs for stage in stages} == {10}
    shared = build(name).stages(10)
    assert [stage.name for stage in shared] == [stage.name for stage in stages]
    assert sum(stage.epochs for stage in shared) == 10
    assert max(stage.epochs for stage in shared) - min(stage.epochs for stage in shared) <= len(stages)
    assert [stage.epochs for stage in build(name).stages(1)] == [1] * len(stages)


@pytest.mark.parametrize("alike", [False, True])
def test_what_imagines_begins_with_the_lost_streams_weights(alike: bool) -> None:
    """Its space encoder reads the kept modality: where shapes differ, it begins with that stream's."""
    specs = [dict(spec) for spec in VECTORS[:2]]
    specs[1]["shape"] = specs[0]["shape"] if alike else specs[1]["shape"]
    method = build("admd", ModalitySet(specs), kept="touch")
    assert method.model.lost_spec.name == "sound"
    method.begin(method.stages(1)[-1])
    model = method.model
    wanted = {
        "space": (model.lost_stream if alike else model.kept_stream).encoder.space,
        "time": model.lost_stream.encoder.time,
    }
    for part, origin in wanted.items():
        ours = model.hallucination.encoder.get_submodule(part).state_dict()
        assert all(torch.equal(ours[key], value) for key, value in origin.state_dict().items())
    assert torch.equal(model.hallucination.head.weight, model.lost_stream.head.weight)


@pytest.mark.parametrize("name", NAMES)
def test_all_subsets_are_served_and_only_one_kind_is_connected(name: str) -> None:
    method = build(name)
    assert method.supported_subsets is None
    assert (method.model.connection is not None) == (name == "modality_distillation")
    assert not [key for key in method.model.state_dict() if "discriminator" in key or "scale" in key]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "modality_distillation", "temperature": 0.0}, "method.temperature is 0.0: give a number above 0"),
        ({"name": "modality_distillation", "soft_share": 1.5}, "method.soft_share is 1.5: give a number from 0 to 1"),
        ({"name": "modality_distillation", "feature_share": -1.0}, "method.feature_share is -1.0: give a number from"),
        (
            {"name": "hallucination", "hallucination_weight": -1.0},
            "method.hallucination_weight is -1.0: give 0 or more",
        ),
        ({"name": "admd", "kept": "tuch"}, "method.kept: unknown modality 'tuch' (did you mean 'touch'?)"),
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        build(**fields)
    with pytest.raises(ValueError, match=r"method\.stage_epochs is 'half': choose shared or each"):
        with_fields(ADMDConfig(), stage_epochs="half").__post_init__()


def test_models_of_another_kind_are_refused() -> None:
    config = method_config({"name": "admd"})
    with pytest.raises(ValueError, match="name exactly two modalities"):
        build_method(config, modalities=ModalitySet(VECTORS), classes=["a"], model=ClassifierConfig(**WIDTH))
    for option in ("action_mae", "token_heads"):
        model = ClassifierConfig(**WIDTH, **{option: True})
        with pytest.raises(ValueError, match="method 'admd' trains streams with classifiers of their own"):
            build_method(config, modalities=PAIR, classes=["a"], model=model)

"""Cross prediction against loops over clips, frames and pairs of modalities."""

import pytest
import torch
from torch import Tensor

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws, build_method, method_config
from actionmae.methods.coarse_frames import coarse_frames, coarse_size, resampled, standardised
from actionmae.methods.cross_prediction import CrossPrediction
from actionmae.nn import ClassifierConfig
from helpers.builders import tiny_batch
from helpers.comparison import build, full_batch, train_all_stages
from helpers.tiny_models import WIDTH, kinds, vectors


def of_kinds(modalities: ModalitySet) -> CrossPrediction:
    torch.manual_seed(0)
    return build_method(
        method_config({"name": "cross_prediction"}),
        modalities=modalities,
        classes=tuple("abcde"),
        model=ClassifierConfig(**WIDTH),
    ).eval()


def with_signal() -> ModalitySet:
    signal = {"name": "inertial", "shape": [2, 9], "num_frames": 4}
    return ModalitySet([*(spec.to_dict() for spec in kinds()), signal])


def coarse_by_hand(kind: str, frame: Tensor) -> list[float]:
    """An 8 × 8 image is its own grid; six means of nine samples overlap as adaptive pooling has them."""
    if kind != "signal":
        return frame.flatten().tolist()
    parts = [(part * 9 // 6, -(-(part + 1) * 9 // 6)) for part in range(6)]
    return [float(channel[start:end].mean()) for channel in frame for start, end in parts]


def seen(batch: ClipBatch, modalities: ModalitySet, name: str, row: int, frame: int) -> bool:
    exists = bool(batch.available[row, modalities.index(name)])
    return exists and (name not in batch.frame_available or bool(batch.frame_available[name][row, frame]))


def targets_by_hand(
    batch: ClipBatch, modalities: ModalitySet, name: str, frames: int
) -> dict[tuple[int, int], list[float]]:
    """Means of the frames that each of `frames` spans, then standardised: a mean of several varies less than they."""
    spec, clip = modalities[name], batch.clips[name]
    raw = {}
    for row in range(len(batch)):
        for frame in range(frames):
            span = spanned(frame, frames, spec.num_frames)
            there = [
                coarse_by_hand(spec.kind, clip[row, each]) for each in span if seen(batch, modalities, name, row, each)
            ]
            if there:
                raw[row, frame] = [sum(values) / len(there) for values in zip(*there, strict=True)]
    columns = list(zip(*raw.values(), strict=True))
    means = [sum(column) / len(raw) for column in columns]
    spreads = [
        (sum((x - mean) ** 2 for x in column) / len(raw) + 1e-5) ** 0.5
        for column, mean in zip(columns, means, strict=True)
    ]
    return {
        at: [(x - mean) / spread for x, mean, spread in zip(values, means, spreads, strict=True)]
        for at, values in raw.items()
    }


def spanned(frame: int, here: int, there: int) -> range:
    """Which frames of `there` the frame of `here` spans, as adaptive pooling has them."""
    return range(frame * there // here, -(-(frame + 1) * there // here))


def error_by_hand(method: CrossPrediction, batch: ClipBatch, source: str, target: str) -> float:
    modalities = method.model.modalities
    wanted = targets_by_hand(batch, modalities, target, modalities[source].num_frames)
    features = method.model.encode_frames(batch)[source].detach()
    rows = batch.available[:, modalities.index(source)].nonzero().flatten().tolist()
    total, count = 0.0, 0
    for at, row in enumerate(rows):
        for frame in range(modalities[source].num_frames):
            if (row, frame) not in wanted or not seen(batch, modalities, source, row, frame):
                continue
            told = method.predictors[f"{source}>{target}"](features[at, frame]).tolist()
            total += sum((a - b) ** 2 for a, b in zip(told, wanted[row, frame], strict=True))
            count += len(told)
    return total / count


@pytest.mark.parametrize("lost_frames", [False, True])
def test_every_error_in_loops(lost_frames: bool) -> None:
    modalities = with_signal()
    method, batch = of_kinds(modalities), tiny_batch(modalities, 6, lost_frames=lost_frames)
    errors = method.prediction_errors(method.model.encode_frames(batch), batch)
    assert len(errors) == 4 * 3
    for (source, target), error in errors.items():
        assert error.item() == pytest.approx(error_by_hand(method, batch, source, target), rel=1e-4), (source, target)


def test_the_loss_is_the_mean_over_the_streams_of_the_mean_over_their_targets() -> None:
    method, batch = of_kinds(vectors()), tiny_batch(vectors(), 8)
    errors = method.prediction_errors(method.model.encode_frames(batch), batch)
    names = vectors().names
    each = [sum(errors[s, t].item() for t in names if t != s) / 2 for s in names]
    losses = method.step(batch, Draws.from_seed(0)).losses
    assert losses["prediction"].item() == pytest.approx(2.0 * sum(each) / 3, rel=1e-5)
    assert set(losses) == {"cls", "prediction"}


def test_the_cross_entropy_of_each_stream_is_logged() -> None:
    method, batch = of_kinds(vectors()), tiny_batch(vectors(), 8)
    step = method.step(batch, Draws.from_seed(0))
    tokens, seen = method.model.encode(batch), 0.0
    for slot, name in enumerate(vectors().names):
        rows = batch.available[:, slot]
        logits = method.model.fusion.heads[slot](tokens[rows, slot])
        loss = torch.nn.functional.cross_entropy(logits, batch.labels[rows], label_smoothing=0.1)
        assert step.logs[f"cls_of/{name}"].item() == pytest.approx(loss.item(), rel=1e-5)
        seen += loss.item() * int(rows.sum())
    assert step.losses["cls"].item() == pytest.approx(seen / int(batch.available.sum()), rel=1e-5)


def test_a_clip_s_absent_sensors_neither_teach_nor_are_taught() -> None:
    method, batch = of_kinds(vectors()), tiny_batch(vectors(), 8)
    lost = {name: clip.clone() for name, clip in batch.clips.items()}
    for slot, name in enumerate(vectors().names):
        lost[name][~batch.available[:, slot]] = torch.nan
    noisy = ClipBatch(clips=lost, available=batch.available, labels=batch.labels, sample_ids=batch.sample_ids)
    for name, loss in method.step(noisy, Draws.from_seed(0)).losses.items():
        assert loss.item() == pytest.approx(method.step(batch, Draws.from_seed(0)).losses[name].item())


def test_one_sensor_alone_has_nothing_to_tell() -> None:
    method, batch = of_kinds(vectors()), full_batch()
    alone = torch.tensor([False, True, False]).expand(8, -1)
    touch = {"touch": batch.clips["touch"]}
    batch = ClipBatch(clips=touch, available=alone, labels=batch.labels, sample_ids=batch.sample_ids)
    assert method.step(batch, Draws.from_seed(0)).losses["prediction"].item() == 0


def test_a_stream_of_whole_clips_tells_the_mean_frame() -> None:
    values, have = torch.randn(2, 5, 3), torch.tensor([[True] * 5, [True, False, False, True, False]])
    mean, there = resampled(values, have, 1)
    torch.testing.assert_close(mean[0, 0], values[0].mean(dim=0))
    torch.testing.assert_close(mean[1, 0], values[1, [0, 3]].mean(dim=0))
    assert there.all()


def test_targets_are_small_and_standardised() -> None:
    for spec in with_signal():
        clip = torch.randn(3, spec.num_frames, *spec.shape) * 50 + 7
        coarse = coarse_frames(spec, clip)
        assert coarse.shape == (3, spec.num_frames, coarse_size(spec))
        have = torch.rand(3, spec.num_frames) > 0.3
        flat = standardised(coarse, have)[have]
        torch.testing.assert_close(flat.mean(dim=0), torch.zeros(coarse_size(spec)), atol=1e-4, rtol=0)
        torch.testing.assert_close(flat.var(dim=0, correction=0), torch.ones(coarse_size(spec)), atol=1e-3, rtol=0)
        assert not standardised(coarse, have)[~have].any()


def test_the_streams_learn_and_their_logits_are_added() -> None:
    method = build("cross_prediction")
    history = train_all_stages(method, full_batch(), epochs=60)
    assert all(losses[-1] < 0.8 * losses[0] for losses in history.values())
    model, batch = method.model.eval(), full_batch()
    assert model.supported_subsets is None
    with torch.no_grad():
        tokens = model.encode(batch)
        each = [head(tokens[:, slot]) for slot, head in enumerate(model.fusion.heads)]
        torch.testing.assert_close(model(batch).logits, sum(each))
        pair = torch.tensor([[True, False, True]]).expand(8, -1)
        torch.testing.assert_close(model(batch, pair).logits, each[0] + each[2])

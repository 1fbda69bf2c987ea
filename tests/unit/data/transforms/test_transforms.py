"""The device transform: each switch changes what it should and nothing else, per clip and alike in all its frames."""

from dataclasses import replace

import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms.pixels import IMAGENET_MEAN, IMAGENET_STD
from actionmae.data.transforms.transform import AugmentConfig, transform

SIZE, REGION, ROWS = 20, 24, 12
MODALITIES = ModalitySet(
    [
        {"name": "rgb", "shape": (3, SIZE, SIZE), "num_frames": 3},
        {"name": "depth", "shape": (3, SIZE, SIZE), "num_frames": 3, "value_range": (0.0, 9000.0)},
        {"name": "flow", "shape": (2, SIZE, SIZE), "num_frames": 3},
        {"name": "skeleton", "shape": (2, 25, 3), "num_frames": 3},
        {"name": "inertial", "shape": (6, 8), "num_frames": 3, "mirror": {"negate": [0]}},
    ]
)
OFF = AugmentConfig(shifted_crop=False, flip=0.0, color_jitter=False)


@pytest.fixture
def batch() -> ClipBatch:
    """All frames of a clip are equal, so whatever differs between them afterwards is the transform's doing."""

    def frames(channels: int, high: int, dtype: torch.dtype) -> torch.Tensor:
        one = torch.randint(1, high, (ROWS, 1, channels, REGION, REGION), dtype=torch.int32)
        return one.to(dtype).repeat(1, 3, 1, 1, 1)

    clips = {
        "rgb": frames(3, 256, torch.uint8),
        "depth": frames(1, 9000, torch.uint16),
        "flow": frames(2, 256, torch.uint8),
        "skeleton": torch.randn(ROWS, 1, 2, 25, 3).repeat(1, 3, 1, 1, 1),
        "inertial": torch.randn(ROWS, 1, 6, 8).repeat(1, 3, 1, 1),
    }
    return ClipBatch(
        clips=clips,
        available=torch.ones(ROWS, len(MODALITIES), dtype=torch.bool),
        labels=torch.zeros(ROWS, dtype=torch.int64),
        sample_ids=[str(row) for row in range(ROWS)],
    )


def _run(batch: ClipBatch, augment: AugmentConfig | None, seed: int = 0) -> ClipBatch:
    return transform(batch, MODALITIES, augment=augment, generator=torch.Generator().manual_seed(seed))


def _changed(one: ClipBatch, other: ClipBatch) -> set[str]:
    return {name for name in one.clips if not torch.equal(one.clips[name], other.clips[name])}


def test_test_time_is_the_centre_crop_normalised(batch: ClipBatch) -> None:
    out = transform(batch, MODALITIES)
    centre = batch.clips["rgb"][..., 2:22, 2:22] / 255
    expected = (centre - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    torch.testing.assert_close(out.clips["rgb"], expected, atol=1e-5, rtol=0)
    shapes = {name: tuple(clip.shape[2:]) for name, clip in out.clips.items()}
    assert shapes == {spec.name: spec.shape for spec in MODALITIES}
    assert all(clip.dtype == torch.float32 for clip in out.clips.values())
    assert torch.equal(out.clips["inertial"], batch.clips["inertial"])
    assert out.validate(MODALITIES) is out
    assert not _changed(out, _run(batch, OFF))
    assert batch.clips["rgb"].dtype == torch.uint8


@pytest.mark.parametrize(
    ("switch", "touched"),
    [
        ({"shifted_crop": True}, {"rgb", "depth", "flow"}),
        ({"flip": 0.5}, {"rgb", "depth", "flow", "skeleton", "inertial"}),
        ({"color_jitter": True}, {"rgb"}),
        ({"depth_jitter": True}, {"depth"}),
        ({"joint_rotation": 20.0}, {"skeleton"}),
        ({"joint_scale": 0.2}, {"skeleton"}),
        ({"joint_noise": 0.05}, {"skeleton"}),
        ({"signal_scale": 0.2}, {"inertial"}),
        ({"signal_noise": 0.2}, {"inertial"}),
        ({"frames": "uniform"}, set()),
        ({"independent": True}, set()),
    ],
)
def test_each_switch_changes_its_own_modalities_only(
    batch: ClipBatch, switch: dict[str, object], touched: set[str]
) -> None:
    off, on = _run(batch, OFF), _run(batch, replace(OFF, **switch))
    assert _changed(off, on) == touched
    for name in touched:
        differs = (on.clips[name] - off.clips[name]).flatten(1).abs().mean(dim=1)
        assert len(differs.unique()) > 2 or "flip" in switch  # drawn per clip, not per batch
        if not {"joint_noise", "signal_noise"} & set(switch):
            assert torch.equal(on.clips[name][:, 0], on.clips[name][:, 2]), "all frames of a clip alike"


def test_switching_one_draw_on_leaves_the_others_as_they_were(batch: ClipBatch) -> None:
    crop = _run(batch, replace(OFF, shifted_crop=True))
    both = _run(batch, replace(OFF, shifted_crop=True, joint_noise=0.1, color_jitter=True))
    assert _changed(crop, both) == {"skeleton", "rgb"}


def test_same_seed_same_result(batch: ClipBatch) -> None:
    everything = AugmentConfig(joint_noise=0.1, signal_noise=0.1, frame_fraction=0.5, span_fraction=0.5)
    assert not _changed(_run(batch, everything), _run(batch, everything))
    assert _changed(_run(batch, everything), _run(batch, everything, seed=1)) == set(MODALITIES.names)


def _places(original: torch.Tensor, cut: torch.Tensor) -> list[tuple[int, int]]:
    """Where each flow clip was cut (flow's values survive unchanged)."""
    spare = range(REGION - SIZE + 1)
    return [
        next((top, left) for top in spare for left in spare
             if torch.equal(row[..., top : top + SIZE, left : left + SIZE], out))
        for row, out in zip(original, cut, strict=True)
    ]  # fmt: skip


def test_crops_reach_every_place_and_agree_between_modalities(batch: ClipBatch) -> None:
    levels = batch.clips["flow"][:, :, :1].repeat(1, 1, 3, 1, 1)
    batch = replace(batch, clips={"rgb": levels, "flow": batch.clips["flow"]}, available=batch.available.clone())
    batch.available[:, [1, 3, 4]] = False
    found: set[tuple[int, int]] = set()
    for seed in range(12):
        out = _run(batch, replace(OFF, shifted_crop=True), seed)
        flow = (out.clips["flow"] * 128 + 128).round().to(torch.uint8)
        places = _places(batch.clips["flow"], flow)
        found |= set(places)
        rgb = out.clips["rgb"] * torch.tensor(IMAGENET_STD).view(3, 1, 1) + torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
        assert torch.equal((rgb[:, :, :1] * 255).round().to(torch.uint8), flow[:, :, :1])
    assert {top for top, _ in found} == {left for _, left in found} == set(range(5))
    alone = _run(batch, replace(OFF, shifted_crop=True, independent=True), 0)
    rgb = alone.clips["rgb"] * torch.tensor(IMAGENET_STD).view(3, 1, 1) + torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    flow = (alone.clips["flow"] * 128 + 128).round().to(torch.uint8)
    assert not torch.equal((rgb[:, :, :1] * 255).round().to(torch.uint8), flow[:, :, :1])


def test_a_flip_mirrors_everything_that_the_clip_has(batch: ClipBatch) -> None:
    off, on = transform(batch, MODALITIES), _run(batch, replace(OFF, flip=1.0))
    for name in ("rgb", "depth"):
        assert torch.equal(on.clips[name], off.clips[name].flip(-1))
    torch.testing.assert_close(on.clips["flow"][:, :, 0], -off.clips["flow"][:, :, 0].flip(-1))
    assert torch.equal(on.clips["flow"][:, :, 1], off.clips["flow"][:, :, 1].flip(-1))
    assert torch.equal(on.clips["skeleton"][..., 7, 0], -off.clips["skeleton"][..., 11, 0])
    assert torch.equal(on.clips["inertial"][:, :, 0], -off.clips["inertial"][:, :, 0])


def test_a_clip_is_mirrored_only_if_all_that_it_has_can_be(batch: ClipBatch) -> None:
    modalities = ModalitySet([*list(MODALITIES)[:4], {"name": "inertial", "shape": (6, 8), "num_frames": 3}])
    batch.available[: ROWS // 2, 4] = False
    generator = torch.Generator().manual_seed(0)
    on = transform(batch, modalities, augment=replace(OFF, flip=1.0), generator=generator)
    off = transform(batch, modalities)
    same = (on.clips["rgb"] == off.clips["rgb"]).flatten(1).all(dim=1)
    assert same.tolist() == [False] * (ROWS // 2) + [True] * (ROWS // 2)


def test_half_the_clips_are_flipped_and_all_modalities_of_a_clip_together(batch: ClipBatch) -> None:
    off = transform(batch, MODALITIES)
    flips = []
    for seed in range(20):
        on = _run(batch, replace(OFF, flip=0.5), seed)
        flipped = torch.stack([(on.clips[n] != off.clips[n]).flatten(1).any(dim=1) for n in MODALITIES.names])
        assert (flipped == flipped[0]).all()
        flips.append(flipped[0])
    assert 0.35 < float(torch.cat(flips).float().mean()) < 0.65


def test_lost_frames(batch: ClipBatch) -> None:
    out = _run(batch, replace(OFF, frame_fraction=0.9, span_fraction=0.5))
    assert set(out.frame_available) == set(MODALITIES.names)
    masks = torch.stack([out.frame_available[name] for name in MODALITIES.names])
    assert masks.any(dim=2).all()
    assert not masks.all()
    assert not (masks == masks[0]).all()
    assert not _run(batch, OFF).frame_available
    gone = {"rgb": torch.zeros(ROWS, 3, dtype=torch.bool)}
    gone["rgb"][:, 1] = True
    out = _run(replace(batch, frame_available=gone), replace(OFF, frame_fraction=1.0))
    assert torch.equal(out.frame_available["rgb"], gone["rgb"])


def test_absent_persons_and_frames_are_zero_joints(batch: ClipBatch) -> None:
    persons = torch.ones(ROWS, 3, 2, dtype=torch.bool)
    persons[:, :, 1] = False
    frames = torch.ones(ROWS, 3, dtype=torch.bool)
    frames[:, 0] = False
    joints = batch.clips["skeleton"].clone()
    joints[:, :, 1], joints[:, 0] = torch.nan, torch.nan
    batch = replace(
        batch,
        clips={**batch.clips, "skeleton": joints},
        person_available={"skeleton": persons},
        frame_available={"skeleton": frames},
    )
    for augment in (None, AugmentConfig(joint_noise=0.1, joint_rotation=10.0, joint_scale=0.1)):
        out = _run(batch, augment).clips["skeleton"]
        assert out.isfinite().all()
        assert (out[:, 0] == 0).all()
        assert (out[:, :, 1] == 0).all()
        assert (out[:, 1, 0] != 0).any()


def test_the_content_of_absent_rows_changes_nothing_else(batch: ClipBatch) -> None:
    batch.available[0] = torch.tensor([False, True, True, True, True])
    batch.available[1] = torch.tensor([True, False, False, False, False])
    other = {name: clip.clone() for name, clip in batch.clips.items()}
    other["rgb"][0] = 255
    other["depth"][1] = torch.ones_like(other["depth"][1])
    other["flow"][1] = 0
    other["skeleton"][1] = torch.nan
    other["inertial"][1] = torch.nan
    everything = AugmentConfig(
        depth_jitter=True, joint_noise=0.1, joint_rotation=10.0, signal_noise=0.1, signal_scale=0.1, frame_fraction=0.5
    )
    for augment in (None, everything):
        one, two = _run(batch, augment), _run(replace(batch, clips=other), augment)
        for slot, name in enumerate(MODALITIES.names):
            have = batch.available[:, slot]
            assert torch.equal(one.clips[name][have], two.clips[name][have])


def test_a_modality_absent_for_all_and_float_frames_pass(batch: ClipBatch) -> None:
    ready = transform(batch, MODALITIES)
    again = _run(ready, AugmentConfig(flip=0.0))
    assert torch.equal(again.clips["rgb"], ready.clips["rgb"])
    batch.available[:, 2] = False
    del batch.clips["flow"]
    assert "flow" not in _run(batch, AugmentConfig()).clips


def test_features_become_float() -> None:
    spec = {"name": "audio", "letter": "U", "kind": "features", "shape": [5], "value": "raw", "encoder": "features"}
    modalities = ModalitySet([{**spec, "num_frames": 2}])
    batch = ClipBatch(
        clips={"audio": torch.ones(1, 2, 5, dtype=torch.float64)},
        available=torch.ones(1, 1, dtype=torch.bool),
        labels=torch.zeros(1, dtype=torch.int64),
        sample_ids=["x"],
    )
    assert transform(batch, modalities).clips["audio"].dtype == torch.float32


def test_bad_requests_are_refused(batch: ClipBatch) -> None:
    with pytest.raises(ValueError, match="augment was given without a generator"):
        transform(batch, MODALITIES, augment=AugmentConfig())
    small = replace(batch, clips={**batch.clips, "rgb": batch.clips["rgb"][..., :10]})
    with pytest.raises(ValueError, match=r"rgb frames are \(24, 10\) pixels, smaller than the input \(20, 20\)"):
        transform(small, MODALITIES)


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("flip", 1.5, "flip is 1.5: give a number between 0 and 1"),
        ("frame_fraction", -0.1, "frame_fraction is -0.1: give a number between 0 and 1"),
        ("joint_noise", -1.0, "joint_noise is -1.0: give a number, 0 or more"),
        ("joint_rotation", float("nan"), "joint_rotation is nan: give a number, 0 or more"),
        ("joint_noise", float("inf"), "joint_noise is inf: give a number, 0 or more"),
        ("signal_noise", float("nan"), "signal_noise is nan: give a number, 0 or more"),
        ("mixup", float("inf"), "mixup is inf: give a number, 0 or more"),
    ],
)
def test_switches_out_of_range_are_refused(field: str, value: float, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        AugmentConfig(**{field: value})

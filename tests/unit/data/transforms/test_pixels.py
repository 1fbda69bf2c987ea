"""Stored pixels → network input: JET, ImageNet's mean, flow, jitter."""

import colorsys

import cv2
import numpy as np
import pytest
import torch

from actionmae.core.modality import resolve
from actionmae.data.transforms.pixels import IMAGENET_MEAN, IMAGENET_STD, jet_table, to_float

MEAN, STD = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
RGB, IR, FLOW, DEPTH = (resolve({"name": name}) for name in ("rgb", "ir", "flow", "depth"))


def _restored(clip: torch.Tensor) -> torch.Tensor:
    """Undo the normalisation: 0–1."""
    return clip * STD.view(3, 1, 1) + MEAN.view(3, 1, 1)


def _random(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def test_jet_table_is_opencvs() -> None:
    levels = np.arange(256, dtype=np.uint8)[:, None]
    expected = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)[:, 0]
    np.testing.assert_allclose(jet_table()[:256] * 255, expected, atol=1e-4)
    assert jet_table()[256].tolist() == [0, 0, 0]
    blue, red = jet_table()[0], jet_table()[255]
    assert (blue[2] > blue[0], red[0] > red[2]) == (True, True)


def test_depth_in_three_channels_is_jet_between_near_and_far() -> None:
    spec = resolve({"name": "depth", "value_range": (1000.0, 2000.0)})
    depth = torch.tensor([0, 500, 1000, 1500, 2000, 60000], dtype=torch.int32).to(torch.uint16).view(1, 1, 1, 1, 6)
    out = _restored(to_float(depth, spec))[0, 0, :, 0].T
    torch.testing.assert_close(out, jet_table()[[256, 0, 0, 128, 255, 255]], atol=1e-5, rtol=0)


def test_depth_without_a_range_uses_each_clips_own() -> None:
    spec = resolve({"name": "depth", "value_range": None})
    rows = torch.tensor([[0, 1000, 1500, 2000], [0, 3000, 3001, 5000], [0, 0, 0, 0]], dtype=torch.int32)
    depth = rows.to(torch.uint16).view(3, 1, 1, 2, 2).expand(3, 2, 1, 2, 2)
    out = _restored(to_float(depth, spec))[:, 1].flatten(2).transpose(1, 2)
    levels = [[256, 0, 128, 255], [256, 0, 0, 255], [256, 256, 256, 256]]
    torch.testing.assert_close(out, jet_table()[torch.tensor(levels)], atol=1e-5, rtol=0)


def test_missing_frames_do_not_enter_a_clips_own_range() -> None:
    spec = resolve({"name": "depth", "value_range": None})
    depth = torch.full((1, 2, 1, 2, 2), 1000, dtype=torch.int32)
    depth[0, 0, 0, 0, 0] = 2000
    depth[0, 1] = 9000
    seen = torch.tensor([[True, False]])
    out = _restored(to_float(depth.to(torch.uint16), spec, None, seen))[0, 0, :, 0]
    torch.testing.assert_close(out.T, jet_table()[[255, 0]], atol=1e-5, rtol=0)


def test_depth_in_one_channel_is_nearness() -> None:
    spec = resolve({"name": "depth", "shape": (1, 8, 8), "value_range": (1000.0, 2000.0)})
    depth = torch.tensor([0, 1000, 2000, 3000], dtype=torch.int32).to(torch.uint16).view(1, 1, 1, 2, 2)
    assert to_float(depth, spec).flatten().tolist() == [0, 1, 0, 0]


def test_colour_gray_and_flow() -> None:
    clip = _random(2, 3, 3, 4, 5)
    torch.testing.assert_close(_restored(to_float(clip, RGB)), clip / 255, atol=1e-5, rtol=0)
    gray = _random(2, 3, 1, 4, 5)
    out = to_float(gray, IR)
    assert out.shape == (2, 3, 3, 4, 5)
    torch.testing.assert_close(_restored(out), (gray / 255).expand_as(out), atol=1e-5, rtol=0)
    one = to_float(gray, resolve({"name": "ir", "shape": (1, 4, 5)}))
    torch.testing.assert_close(one, gray / 127.5 - 1)
    still = torch.full((1, 1, 2, 2, 2), 128, dtype=torch.uint8)
    assert to_float(still, FLOW).abs().max() == 0
    assert to_float(still * 0, FLOW).max() == -1


@pytest.mark.parametrize(
    ("spec", "channels"),
    [(resolve({"name": "rgb", "shape": (1, 4, 4)}), "3"), (resolve({"name": "ir", "shape": (2, 4, 4)}), "1 or 3")],
)
def test_other_channels_are_refused(spec: object, channels: str) -> None:
    with pytest.raises(ValueError, match=f"channels: give {channels}"):
        to_float(_random(1, 1, 1, 4, 4), spec)


def _jittered(clip: torch.Tensor, factors: list[float]) -> torch.Tensor:
    return _restored(to_float(clip, RGB, torch.tensor([factors] * len(clip), dtype=torch.float32)))


def test_neutral_jitter_changes_nothing() -> None:
    clip = _random(2, 3, 3, 4, 5)
    torch.testing.assert_close(_jittered(clip, [1, 1, 1, 0]), clip / 255, atol=1e-5, rtol=0)


def test_each_factor_does_what_its_name_says() -> None:
    clip = torch.randint(60, 140, (1, 2, 3, 6, 6), dtype=torch.uint8)
    plain = clip / 255
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    gray = (plain * luma).sum(dim=2, keepdim=True)
    torch.testing.assert_close(_jittered(clip, [1.2, 1, 1, 0]), plain * 1.2, atol=1e-5, rtol=0)
    contrast = gray.mean() + 1.3 * (plain - gray.mean())
    torch.testing.assert_close(_jittered(clip, [1, 1.3, 1, 0]), contrast, atol=1e-5, rtol=0)
    torch.testing.assert_close(_jittered(clip, [1, 1, 0.5, 0]), gray + 0.5 * (plain - gray), atol=1e-5, rtol=0)
    torch.testing.assert_close(_jittered(clip, [1, 1, 0, 0]), gray.expand_as(plain), atol=1e-5, rtol=0)


def test_hue_turns_colours_and_keeps_their_lightness() -> None:
    clip = torch.tensor([150, 90, 90], dtype=torch.uint8).view(1, 1, 3, 1, 1)
    out = _jittered(clip, [1, 1, 1, 0.2])
    luma = torch.tensor([0.299, 0.587, 0.114])
    assert float((out.flatten() * luma).sum()) == pytest.approx(float((clip.flatten() / 255 * luma).sum()), abs=2e-3)
    hue = colorsys.rgb_to_hsv(*out.flatten().tolist())[0]
    assert 0.1 < min(hue, 1 - hue) < 0.3
    torch.testing.assert_close(_jittered(clip, [1, 1, 1, 1.0]), clip / 255, atol=1e-3, rtol=0)


def test_jittered_depth_keeps_no_reading_black() -> None:
    spec = resolve({"name": "depth", "value_range": (1000.0, 2000.0)})
    depth = torch.tensor([0, 1000, 1500, 2000], dtype=torch.int32).to(torch.uint16).view(1, 1, 1, 2, 2)
    out = _restored(to_float(depth, spec, torch.tensor([[1.3, 0.6, 0.7, 0.05]])))[0, 0].flatten(1).T
    torch.testing.assert_close(out[0], torch.zeros(3), atol=1e-5, rtol=0)
    assert (out[1:] - jet_table()[[0, 128, 255]]).abs().amax(dim=1).min() > 0.05

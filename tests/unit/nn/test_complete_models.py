"""What Table 6 compares with on complete clips: 3DFCNN, dynamic images, deep bilinear learning."""

import math

import pytest
import torch
from torch import Tensor

from actionmae.core.modality import ModalitySpec
from actionmae.nn.bilinear_fusion import BilinearBlock, BilinearFusion
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.dynamic_image import dynamic_image
from actionmae.nn.modality_encoder import ModalityEncoder, build_modality_encoder
from actionmae.nn.segment_means import SEGMENTS, SegmentMeans
from helpers.builders import tiny_batch
from helpers.tiny_models import WIDTH, tiny_classifier, vectors

DEPTH = ModalitySpec(
    name="depth", letter="D", kind="frames", shape=(3, 16, 16), value="depth", encoder="grid_cnn", num_frames=6
)


def encoder(name: str, **options: object) -> ModalityEncoder:
    torch.manual_seed(0)
    config = ClassifierConfig(**{**WIDTH, "encoders": {"depth": name}, **options})
    return build_modality_encoder(DEPTH, config).eval()


def some_frames(rows: int = 3) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    available = torch.ones(rows, 6, dtype=torch.bool)
    available[1, [0, 3]] = False
    available[2, 1:] = False
    return torch.randn(rows, 6, 3, 16, 16), available


@pytest.mark.parametrize("name", ["fcn3d", "dynamic_image"])
def test_a_whole_clip_becomes_one_vector_and_what_is_missing_is_never_read(name: str) -> None:
    frames, available = some_frames()
    network = encoder(name)
    token = network(frames, frame_available=available)
    assert token.shape == (3, 16)
    spoilt = frames.masked_fill(~available[:, :, None, None, None], math.nan)
    torch.testing.assert_close(network(spoilt, frame_available=available), token)
    assert not network.streamable
    moved = frames.flip(1)
    assert not torch.allclose(network(moved), network(frames))  # the order of the frames counts


def test_a_dynamic_image_is_the_weighted_sum_of_the_paper() -> None:
    frames, available = some_frames()
    images = dynamic_image(frames, available)
    for row, image in enumerate(images):
        there = [frame for frame, seen in zip(frames[row], available[row], strict=True) if seen]
        total = len(there)
        expected = sum((2 * t - total - 1) * frame for t, frame in enumerate(there, start=1))
        if total == 1:
            expected = there[0]
        expected = (expected - expected.mean()) / (expected.std(correction=0) + 1e-5)
        torch.testing.assert_close(image, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(dynamic_image(frames), dynamic_image(frames, torch.ones_like(available)))


def test_a_dynamic_image_is_read_by_the_encoder_that_the_modality_would_have() -> None:
    frames, available = some_frames()
    network = encoder("dynamic_image")
    plain = encoder("grid_cnn")
    plain.space.load_state_dict(network.space.space.state_dict())
    images = dynamic_image(frames, available)
    torch.testing.assert_close(network(frames, frame_available=available), plain.space(images[:, None])[:, 0])


def test_dynamic_images_need_an_image_network() -> None:
    with pytest.raises(ValueError, match="encoder 'dynamic_image' reads one image: 'r2plus1d_18' of depth reads whole"):
        encoder("dynamic_image", space_encoder="r2plus1d_18")
    with pytest.raises(ValueError, match="fcn3d has no pretrained weights"):
        encoder("fcn3d", pretrained=True)


@pytest.mark.parametrize("frames", [3, 8, 13])
def test_segments_are_means_of_the_frames_that_exist(frames: int) -> None:
    torch.manual_seed(0)
    means = SegmentMeans(embed_dim=16)
    x, available = torch.randn(2, frames, 16), torch.rand(2, frames) > 0.4
    token = means(x, frame_available=available).unflatten(1, (SEGMENTS, -1))
    for row in range(2):
        for segment in range(SEGMENTS):
            first, end = segment * frames // SEGMENTS, math.ceil((segment + 1) * frames / SEGMENTS)
            there = [means.project(x[row, at]) for at in range(first, end) if available[row, at]]
            expected = torch.stack(there).mean(dim=0) if there else torch.zeros(2)
            torch.testing.assert_close(token[row, segment], expected)


def test_a_bilinear_block_mixes_modalities_and_time_alike_for_every_feature() -> None:
    torch.manual_seed(0)
    block = BilinearBlock((3, SEGMENTS), (8, 4), width=5)
    x = torch.randn(2, 3, SEGMENTS, 5)
    out = torch.empty(2, 8, 4, 5)
    for row in range(2):
        for feature in range(5):
            out[row, :, :, feature] = block.modalities.weight @ x[row, :, :, feature] @ block.time.weight.T
    torch.testing.assert_close(block(x), block.norm(out).relu())


def test_bilinear_fusion_classifies_and_never_reads_what_is_missing() -> None:
    model = tiny_classifier(vectors(), fusion="bilinear", time_encoder="segments")
    assert isinstance(model.fusion, BilinearFusion)
    batch = tiny_batch(vectors(), 4)
    tokens = model.encode(batch)
    spoilt = tokens.masked_fill(~batch.available[:, :, None], math.nan)
    logits = model.classify(tokens, batch.available)
    assert logits.shape == (4, 5)
    torch.testing.assert_close(model.classify(spoilt, batch.available), logits)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.fusion.parameters())


def test_bilinear_fusion_and_segments_belong_together() -> None:
    with pytest.raises(ValueError, match=r"model.fusion 'bilinear' pools over time: set model.time_enc"):
        tiny_classifier(vectors(), fusion="bilinear")
    with pytest.raises(ValueError, match=r"model.embed_dim is 12: time_encoder 'segments' needs a multiple of 8"):
        tiny_classifier(vectors(), embed_dim=12, time_encoder="segments")

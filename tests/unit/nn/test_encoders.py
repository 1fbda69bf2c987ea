"""Space encoders: every kind of network builds and reads small frames, and weights come from local files."""

import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from actionmae.core.modality import ModalitySpec
from actionmae.core.normalization import IMAGENET_MEAN, IMAGENET_STD
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.frames import nearest_available
from actionmae.nn.modality_encoder import build_modality_encoder
from actionmae.nn.registry import find_encoder, register_encoder
from actionmae.nn.signal_encoder import FeatureEncoder, JointEncoder, SignalEncoder, velocities
from actionmae.nn.space_time_encoder import SpaceTimeEncoder

SMALL: dict[str, Any] = {"name": "test_resnet", "embed_dim": 16, "frame_shape": (3, 16, 16)}


def frames_of(shape: tuple[int, ...], encoder: str) -> ModalitySpec:
    return ModalitySpec(name="rgb", letter="R", kind="frames", shape=shape, value="color", encoder=encoder)


def space_encoder(
    *, name: str, embed_dim: int, frame_shape: tuple[int, ...], weights: Path | None = None, **options: Any
) -> nn.Module:
    """As a model gets it, by name."""
    spec = frames_of(frame_shape, name)
    given = {} if weights is None else {"rgb": weights}
    config = ClassifierConfig(embed_dim=embed_dim, num_heads=2, weights=given, **options)
    return find_encoder(name, spec).build(spec, config)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("test_resnet", (3, 16, 16)),
        ("test_resnet", (2, 16, 24)),
        ("test_vit", (3, 32, 32)),
        ("grid_cnn", (3, 8, 8)),
    ],
)
def test_every_network_gives_one_vector_a_frame(name: str, shape: tuple[int, ...]) -> None:
    encoder = space_encoder(name=name, embed_dim=16, frame_shape=shape).eval()
    frames = torch.randn(2, 3, *shape)
    available = torch.tensor([[True, False, True], [False, False, True]])
    features = encoder(frames.masked_fill(~available[..., None, None, None], torch.nan), frame_available=available)
    assert features.shape == (2, 3, 16)
    assert (features[~available] == 0).all()
    torch.testing.assert_close(features[available], encoder(frames)[available], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "vit_tiny_patch16_224"])
def test_the_paper_s_networks_are_built(name: str) -> None:
    """On the meta device, so that nothing is computed."""
    with torch.device("meta"):
        encoder = space_encoder(name=name, embed_dim=512, frame_shape=(3, 32, 32))
        assert encoder(torch.zeros(1, 2, 3, 32, 32)).shape == (1, 2, 512)
    assert isinstance(encoder.project, nn.Identity) == name.startswith("resnet")


def test_a_whole_clip_to_one_vector() -> None:
    with torch.device("meta"):
        encoder = SpaceTimeEncoder(embed_dim=16, frame_shape=(3, 16, 16))
        assert encoder(torch.zeros(2, 4, 3, 16, 16)).shape == (2, 16)


def test_a_missing_frame_of_a_whole_clip_is_its_nearest_neighbour() -> None:
    encoder = SpaceTimeEncoder(embed_dim=16, frame_shape=(3, 16, 16))
    encoder.network = nn.Sequential(nn.Flatten())
    available = torch.tensor([[False, True, False, False, True]])
    assert nearest_available(available).tolist() == [[1, 1, 1, 4, 4]]
    frames = torch.randn(1, 5, 3, 2, 2)
    lost = frames.masked_fill(~available[..., None, None, None], torch.nan)
    assert torch.equal(encoder(lost, frame_available=available), encoder(frames[:, [1, 1, 1, 4, 4]]))


def test_three_channels_only_for_whole_clips() -> None:
    with pytest.raises(ValueError, match="r2plus1d_18 reads 3 channels, this modality has 2: choose a timm encoder"):
        SpaceTimeEncoder(embed_dim=16, frame_shape=(2, 16, 16))


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "grid_cnn", "r2plus1d_18"])
def test_norms(name: str) -> None:
    frames = torch.randn(2, 3, 3, 16, 16)
    kinds: dict[str, set[type]] = {}
    for norm in ("batch", "frozen", "group"):
        encoder = space_encoder(**SMALL | {"name": name}, norm=norm).train()
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        encoder(frames)
        changed = [key for key, value in encoder.state_dict().items() if not torch.equal(value, before[key])]
        assert bool(changed) == (norm == "batch"), changed
        kinds[norm] = {type(module) for module in encoder.modules()}
    assert nn.GroupNorm in kinds["group"]
    assert not any(issubclass(kind, _BatchNorm) for kind in kinds["frozen"] | kinds["group"])


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "r2plus1d_18"])
def test_frozen_norms_compute_what_batch_norm_computes_in_eval_mode(name: str) -> None:
    frames = torch.randn(2, 3, 3, 16, 16)
    torch.manual_seed(3)
    plain = space_encoder(**SMALL | {"name": name}).train()
    plain(frames)  # statistics that are not the initial ones
    frozen = space_encoder(**SMALL | {"name": name}, norm="frozen").train()
    state = plain.state_dict()
    frozen.load_state_dict({key: value for key, value in state.items() if "num_batches_tracked" not in key})
    torch.testing.assert_close(frozen(frames), plain.eval()(frames), atol=1e-4, rtol=1e-4)


def test_group_norm_needs_something_to_replace() -> None:
    with pytest.raises(ValueError, match=r"model.norm is 'group' but test_vit has no BatchNorm: leave model.norm at"):
        space_encoder(**SMALL | {"name": "test_vit", "frame_shape": (3, 32, 32)}, norm="group")


@pytest.mark.parametrize(("name", "mean", "std"), [("vit_tiny_patch16_224", (0.5,) * 3, (0.5,) * 3)])
def test_frames_reach_a_network_as_its_weights_were_trained(name: str, mean: Any, std: Any) -> None:
    pixels = torch.rand(1, 2, 3, 32, 32)
    view = (1, 1, 3, 1, 1)
    ours = (pixels - torch.tensor(IMAGENET_MEAN).view(view)) / torch.tensor(IMAGENET_STD).view(view)
    theirs = (pixels - torch.tensor(mean).view(view)) / torch.tensor(std).view(view)
    for normalization, wanted in (("weights", theirs), ("imagenet", ours)):
        sizes = SMALL | {"name": name, "frame_shape": (3, 32, 32)}
        encoder = space_encoder(**sizes, normalization=normalization)
        seen: list[Tensor] = []
        encoder.network.forward = lambda x, seen=seen: seen.append(x) or torch.zeros(len(x), 192)
        encoder(ours)
        torch.testing.assert_close(seen[0].unflatten(0, (1, 2)), wanted, atol=1e-5, rtol=1e-5)


def test_a_user_s_encoder_goes_in_by_name() -> None:
    class Means(nn.Module):
        streamable = True

        def forward(self, frames: Tensor, *, frame_available: Tensor | None = None) -> Tensor:
            return frames.flatten(2).mean(dim=2, keepdim=True).expand(-1, -1, 16)

    @register_encoder("means of frames", kinds=("frames",))
    def build(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
        assert (spec.name, config.embed_dim) == ("rgb", 16)
        return Means()

    spec, config = frames_of((3, 8, 8), "means of frames"), ClassifierConfig(embed_dim=16, num_heads=2)
    encoder = build_modality_encoder(spec, config).eval()
    assert encoder.streamable
    assert encoder(torch.randn(2, 4, 3, 8, 8)).shape == (2, 16)
    with pytest.raises(ValueError, match="encoder 'means of frames' is already registered: choose another name"):
        register_encoder("means of frames", kinds=("frames",))(build)


def test_who_can_be_streamed() -> None:
    config = ClassifierConfig(embed_dim=16, num_heads=2)
    whole = build_modality_encoder(frames_of((3, 16, 16), "r2plus1d_18"), config)
    single = build_modality_encoder(frames_of((3, 16, 16), "grid_cnn"), config)
    assert (whole.streamable, single.streamable) == (False, True)
    assert whole.eval().encode_frames(torch.randn(2, 4, 3, 16, 16)).shape == (2, 1, 16)


def test_unknown_networks_are_refused_with_similar_ones() -> None:
    with pytest.raises(
        ValueError, match=r"unknown space encoder 'resnet_34' \(similar: .+\): give a registered encoder or"
    ):
        space_encoder(**SMALL | {"name": "resnet_34"})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(7)
    state = timm.create_model("test_resnet").state_dict()
    files = {name: folder / name for name in ("good.pth", "good.safetensors", "other.pth", "half.pth", "text.pth")}
    torch.save(state, files["good.pth"])
    safetensors.torch.save_file(state, files["good.safetensors"])
    torch.save({"weight": torch.zeros(3)}, files["other.pth"])
    torch.save(dict(list(state.items())[: len(state) // 2]), files["half.pth"])
    files["text.pth"].write_text("hello")
    files["text.safetensors"] = folder / "text.safetensors"
    files["text.safetensors"].write_text("hello")
    files["shape.pth"] = folder / "shape.pth"
    torch.save({key: value[:1] if value.ndim else value for key, value in state.items()}, files["shape.pth"])
    return files


@pytest.mark.parametrize("name", ["good.pth", "good.safetensors"])
def test_a_local_file_gives_its_network_s_features(weights: dict[str, Path], name: str) -> None:
    encoder = space_encoder(**SMALL | {"embed_dim": 96}, weights=weights[name], normalization="imagenet").eval()
    torch.manual_seed(7)
    original = timm.create_model("test_resnet").eval()
    frames = torch.randn(1, 2, 3, 16, 16)
    wanted = original.forward_features(frames[0]).mean(dim=(2, 3))
    torch.testing.assert_close(encoder(frames)[0], wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("network", ["test_resnet", "r2plus1d_18"])
@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("other.pth", ValueError, "other.pth do not fit "),
        ("half.pth", ValueError, "half.pth do not fit "),
        ("shape.pth", ValueError, "shape.pth do not fit "),
        ("text.pth", ValueError, r"text.pth cannot be read \(.+\): give a state dict as .safetensors or .pth"),
        ("text.safetensors", ValueError, "text.safetensors cannot be read"),
        ("nowhere.pth", FileNotFoundError, "nowhere.pth does not exist: give a state-dict file"),
    ],
)
def test_a_wrong_file_is_one_sentence(
    weights: dict[str, Path], network: str, name: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        space_encoder(**SMALL | {"name": network}, weights=weights.get(name, Path("nowhere.pth")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"pretrained": True}, {"weights": Path("a.pth")}])
def test_what_cannot_take_pretrained_weights_says_so(options: dict[str, Any]) -> None:
    sentence = "norm 'group' cannot take BatchNorm's pretrained weights: use norm 'frozen', or no weights"
    for name in ("test_resnet", "r2plus1d_18"):
        with pytest.raises(ValueError, match=sentence):
            space_encoder(**SMALL | {"name": name}, norm="group", **options)
    with pytest.raises(ValueError, match="grid_cnn has no pretrained weights: train it from scratch"):
        space_encoder(**SMALL | {"name": "grid_cnn"}, **options)


class OfflineError(Exception):
    pass


def test_pretrained_without_a_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise OfflineError("no route to host\nand a long explanation")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(OSError, match=re.escape("weights of test_resnet cannot be had (no route to host): go online")):
        space_encoder(**SMALL, pretrained=True)
    from torchvision.models.video import R2Plus1D_18_Weights

    monkeypatch.setattr(R2Plus1D_18_Weights, "get_state_dict", fail)
    with pytest.raises(OSError, match=r"weights of r2plus1d_18.* cannot be had \(no route to host\): go online"):
        SpaceTimeEncoder(embed_dim=16, frame_shape=(3, 16, 16), pretrained=True)


def test_velocities_need_both_frames() -> None:
    joints = torch.arange(4.0)[None, :, None, None, None].square().expand(1, 4, 1, 2, 3)
    everyone = torch.ones(1, 4, 1, dtype=torch.bool)
    assert velocities(joints, everyone)[0, :, 0, 0, 0].tolist() == [0, 1, 3, 5]
    lost = everyone.clone()
    lost[0, 1] = False
    assert velocities(joints, lost)[0, :, 0, 0, 0].tolist() == [0, 0, 0, 5]


def test_joints_forget_who_is_first() -> None:
    encoder = JointEncoder(frame_shape=(2, 5, 3), embed_dim=16).eval()
    joints = torch.randn(2, 3, 2, 5, 3)
    torch.testing.assert_close(encoder(joints), encoder(joints.flip(2)))
    nobody = torch.zeros(2, 3, 2, dtype=torch.bool)
    assert (encoder(joints, person_available=nobody) == 0).all()


@pytest.mark.parametrize(("kind", "shape"), [(SignalEncoder, (6, 8)), (SignalEncoder, (1, 1)), (FeatureEncoder, (5,))])
def test_vectors_of_windows_and_features(kind: type[nn.Module], shape: tuple[int, ...]) -> None:
    encoder = kind(frame_shape=shape, embed_dim=16).eval()
    available = torch.tensor([[True, False, True]])
    features: Tensor = encoder(torch.randn(1, 3, *shape), frame_available=available)
    assert features.shape == (1, 3, 16)
    assert torch.equal(features.abs().sum(dim=2) > 0, available)


def test_one_frame_alone_can_be_trained_on() -> None:
    """Its last feature map is 1 × 1: BatchNorm has one value per channel."""
    encoder = space_encoder(**SMALL | {"name": "grid_cnn", "frame_shape": (3, 8, 8)}).train()
    encoder(torch.randn(1, 1, 3, 8, 8)).sum().backward()
    assert all(value.isfinite().all() for value in encoder.state_dict().values())


def test_one_frame_alone_is_encoded_once() -> None:
    """A stream lives by it."""
    encoder = space_encoder(**SMALL | {"name": "grid_cnn", "frame_shape": (3, 8, 8)}).eval()
    rows = []
    encoder.network.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    encoder(torch.randn(1, 1, 3, 8, 8))
    assert rows == [1]

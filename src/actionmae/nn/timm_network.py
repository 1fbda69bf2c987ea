"""Image networks by their timm names (§2.1: ResNet34; Tables 2 and 8: ViT and other ResNets)."""

from pathlib import Path
from typing import Any

from actionmae.core.install_check import check_install

check_install()  # one sentence, before timm meets a torchvision that does not fit

import timm
import torch
from torch import nn

from actionmae.core.choices import Norm
from actionmae.core.normalization import rescaling
from actionmae.nn.norms import check_norm, replace_norms
from actionmae.nn.space_encoder import SpaceEncoder
from actionmae.nn.weights import download, first_line, read_weights_file


def timm_encoder(
    name: str,
    *,
    embed_dim: int,
    frame_shape: tuple[int, ...],
    pretrained: bool = False,
    weights: Path | None = None,
    norm: Norm = "batch",
    rescale: bool = True,
) -> SpaceEncoder:
    """A `SpaceEncoder` around a timm network.

    Args:
        name: Any timm model, for example resnet34 (paper), resnet18, vit_tiny_patch16_224, vit_small_patch16_224.
        embed_dim: C.
        frame_shape: (channels, H, W).
        pretrained: Load timm's ImageNet weights.
        weights: A local file of timm weights instead of the download.
        norm: "batch"; "frozen": BatchNorm as a fixed affine map; "group": GroupNorm (small or correlated batches).
        rescale: Give the network frames normalised as its own weights were trained, not with ImageNet's values.

    Raises:
        ValueError: If the name is unknown, weights do not fit, or norm "group" meets pretrained weights or a network
            without BatchNorm.
        OSError: If weights cannot be had.
    """
    check_norm(norm, pretrained=pretrained, weights=weights)
    network = _create(name, _options(name, frame_shape), pretrained=pretrained, weights=weights)
    network = replace_norms(network, norm, name=name)
    config = timm.get_pretrained_cfg(name)
    table = rescaling(config.mean, config.std) if rescale and config is not None and frame_shape[0] == 3 else None
    # Frames are laid out channels last, too: otherwise every pass reorders the weights.
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's gap
    return SpaceEncoder(network, width=network.num_features, embed_dim=embed_dim, rescale=table)


def _create(name: str, options: dict[str, Any], *, pretrained: bool, weights: Path | None) -> Any:
    """A timm network without its classifier, average-pooled."""
    if weights is None:
        if pretrained:
            return download(name, lambda: timm.create_model(name, pretrained=True, **options), from_hub=True)
        return timm.create_model(name, **options)
    state = read_weights_file(weights)
    try:
        network: nn.Module = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(state)}, **options
        )
    except RuntimeError as error:
        raise ValueError(f"weights {weights} do not fit {name}: {first_line(error)}") from error
    # timm loads whatever fits and keeps random weights elsewhere.
    missing = [key for key in network.state_dict() if key not in state and "num_batches_tracked" not in key]
    if missing:
        raise ValueError(f"weights {weights} do not fit {name}: they have no {missing[0]}")
    return network


def _options(name: str, frame_shape: tuple[int, ...]) -> dict[str, Any]:
    channels, height, width = frame_shape
    options: dict[str, Any] = {"num_classes": 0, "global_pool": "avg", "in_chans": channels}
    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:  # vision transformers: their positions depend on the size
        options |= {"img_size": (height, width), "fc_norm": False}
    return options


def check_timm_name(name: str) -> None:
    """Refuse a name that timm does not know.

    Raises:
        ValueError: With similar names.
    """
    if not timm.is_model(name):
        close = timm.list_models(f"*{name.split('_')[0]}*")[:3]
        hint = f" (similar: {', '.join(close)})" if close else ""
        raise ValueError(
            f"unknown space encoder {name!r}{hint}: give a registered encoder or any name of timm.list_models()"
        )

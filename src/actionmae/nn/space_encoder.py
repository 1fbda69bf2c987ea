"""Space encoders for frames (Eq. 1): x_i = avgpool(E(f_i)), with any timm network, or R(2+1)D for space and time.

Only frames that exist are encoded: rows are indexed, encoded and scattered back, so that absent frames neither touch
BatchNorm statistics nor cost time.

Legend: R rows (clips that have this modality), T frame, H W pixels, C embed_dim, F frames that exist.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actionmae.core.install_check import check_install

check_install()  # one sentence, before timm meets a torchvision that does not fit

import timm
import torch
from jaxtyping import Bool, Float
from timm.layers.norm_act import freeze_batch_norm_2d
from timm.models import load_state_dict
from torch import Tensor, nn

from actionmae.core.choices import Norm
from actionmae.nn.grid_cnn import GridCNN

SPACE_TIME_ENCODERS = ("r2plus1d_18",)
"""Encoders that read the whole clip and need no time transformer (Table 2)."""


def gather_scatter(
    encoder: Callable[[Tensor], Tensor], x: Tensor, available: Bool[Tensor, "R T"] | None, width: int
) -> Float[Tensor, "R T C"]:
    """Run `encoder` on the frames [F, …] of x [R, T, …] that exist; the features of the others are zero.

    Args:
        encoder: [F, …] → [F, width].
        x: [R, T, …].
        available: Which frames exist; None = all.
        width: C.
    """
    rows, frames = x.shape[:2]
    flat = x.flatten(0, 1)
    if available is None or bool(available.all()):
        return _encode(encoder, flat).reshape(rows, frames, width)
    index = available.flatten().nonzero().flatten()
    encoded = _encode(encoder, flat[index])
    return encoded.new_zeros(rows * frames, width).index_copy(0, index, encoded).reshape(rows, frames, width)


def _encode(encoder: Callable[[Tensor], Tensor], frames: Tensor) -> Tensor:
    """A single frame goes in twice: BatchNorm refuses to train on one value per channel."""
    return encoder(frames.expand(2, *frames.shape[1:]))[:1] if len(frames) == 1 else encoder(frames)


class SpaceEncoder(nn.Module):
    """Eq. 1 with a timm network: per-frame features, averaged over space, projected to C where the widths differ.

    Args:
        name: Any timm model, for example resnet34 (paper), resnet18, vit_tiny_patch16_224, vit_small_patch16_224; or
            grid_cnn, a small network for small frames.
        embed_dim: C.
        frame_shape: (channels, H, W).
        pretrained: Load timm's ImageNet weights.
        weights: A local file of timm weights instead of the download.
        norm: "batch"; "frozen": BatchNorm as a fixed affine map; "group": GroupNorm (small or correlated batches).

    Raises:
        ValueError: If the name is unknown, if weights do not fit, or if norm="group" meets pretrained weights.
        OSError: If weights cannot be had.
    """

    def __init__(
        self,
        *,
        name: str,
        embed_dim: int,
        frame_shape: tuple[int, ...],
        pretrained: bool = False,
        weights: Path | None = None,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.name = name
        self.embed_dim = embed_dim
        if name == "grid_cnn":
            if pretrained or weights is not None:
                raise ValueError("grid_cnn has no pretrained weights: train it from scratch, or choose a timm encoder")
            self.network = GridCNN(in_chans=frame_shape[0], num_features=embed_dim, norm_layer=_NORM_LAYERS[norm])
        else:
            network = _create_timm(name, frame_shape, pretrained=pretrained, weights=weights, norm=norm)
            # As the frames below: otherwise every pass reorders the weights.
            self.network = network.to(memory_format=torch.channels_last)
        if norm == "frozen":
            self.network = freeze_batch_norm_2d(self.network)
        width = self.network.num_features
        self.project: nn.Module = nn.Identity() if width == embed_dim else nn.Linear(width, embed_dim)

    def forward(
        self, frames: Float[Tensor, "R T channels H W"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R T C"]:
        """Features of the frames that exist; zero elsewhere."""
        return gather_scatter(self._encode, frames, frame_available, self.embed_dim)

    def _encode(self, frames: Float[Tensor, "F channels H W"]) -> Float[Tensor, "F C"]:
        features: Tensor = self.project(self.network(frames.contiguous(memory_format=torch.channels_last)))
        return features


class SpaceTimeEncoder(nn.Module):
    """R(2+1)D-18 (Tran et al. 2018), torchvision's: a clip to one vector (Table 2, row 1).

    "ImageNet initialised" (Table 2) cannot be had for it; `pretrained` loads torchvision's Kinetics-400 weights.

    Args:
        embed_dim: C.
        frame_shape: (3, H, W).
        pretrained: Load Kinetics-400 weights.
        weights: A local state-dict file instead of the download.

    Raises:
        ValueError: If frames do not have 3 channels, or weights do not fit.
        OSError: If weights cannot be had.
    """

    def __init__(
        self, *, embed_dim: int, frame_shape: tuple[int, ...], pretrained: bool = False, weights: Path | None = None
    ) -> None:
        super().__init__()
        from torchvision.models.video import R2Plus1D_18_Weights, r2plus1d_18

        if frame_shape[0] != 3:
            raise ValueError(f"r2plus1d_18 reads 3 channels, this modality has {frame_shape[0]}: choose a timm encoder")
        self.network = r2plus1d_18()
        if weights is not None or pretrained:
            state = (
                _read_weights(weights)
                if weights is not None
                else _download("r2plus1d_18", lambda: R2Plus1D_18_Weights.KINETICS400_V1.get_state_dict())
            )
            try:
                self.network.load_state_dict(state)
            except RuntimeError as error:
                raise ValueError(f"weights {weights} do not fit r2plus1d_18: {_first_line(error)}") from error
        width = self.network.fc.in_features
        self.network.fc = nn.Identity() if width == embed_dim else nn.Linear(width, embed_dim)

    def forward(
        self, frames: Float[Tensor, "R T channels H W"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """One vector a clip. A frame that is missing is replaced by the nearest one that exists."""
        if frame_available is not None:
            nearest = nearest_available(frame_available)
            frames = frames[torch.arange(len(frames), device=frames.device)[:, None], nearest]
        features: Tensor = self.network(frames.transpose(1, 2))
        return features


def nearest_available(frame_available: Bool[Tensor, "R T"]) -> Tensor:
    """Index of the nearest frame that exists, [R, T] int64; a tie goes to the earlier frame."""
    at = torch.arange(frame_available.shape[1], device=frame_available.device)
    distance = (at[:, None] - at[None, :]).abs()[None].float()  # [1, T, T]
    return distance.masked_fill(~frame_available[:, None, :], math.inf).argmin(dim=2)


def _group_norm(channels: int, **_: Any) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(32, channels), channels)


_NORM_LAYERS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "frozen": nn.BatchNorm2d,
    "group": _group_norm,
}


def _create_timm(name: str, frame_shape: tuple[int, ...], *, pretrained: bool, weights: Path | None, norm: Norm) -> Any:
    """A timm network without its classifier, average-pooled."""
    options = _timm_options(name, frame_shape)
    if norm == "group":
        if pretrained or weights is not None:
            raise ValueError(
                "norm 'group' cannot take BatchNorm's pretrained weights: use norm 'frozen', or no weights"
            )
        options["norm_layer"] = _group_norm
    if weights is not None:
        state = _read_weights(weights)
        try:
            network = timm.create_model(
                name, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(state)}, **options
            )
        except RuntimeError as error:
            raise ValueError(f"weights {weights} do not fit {name}: {_first_line(error)}") from error
        # timm loads whatever fits and keeps random weights elsewhere.
        missing = [key for key in network.state_dict() if key not in state and "num_batches_tracked" not in key]
        if missing:
            raise ValueError(f"weights {weights} do not fit {name}: they have no {missing[0]}")
        return network
    if pretrained:
        return _download(name, lambda: timm.create_model(name, pretrained=True, **options))
    return timm.create_model(name, **options)


def _timm_options(name: str, frame_shape: tuple[int, ...]) -> dict[str, Any]:
    if not timm.is_model(name):
        close = timm.list_models(f"*{name.split('_')[0]}*")[:3]
        hint = f" (similar: {', '.join(close)})" if close else ""
        raise ValueError(f"unknown space encoder {name!r}{hint}: give r2plus1d_18 or any name of timm.list_models()")
    channels, height, width = frame_shape
    options: dict[str, Any] = {"num_classes": 0, "global_pool": "avg", "in_chans": channels}
    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:  # vision transformers: their positions depend on the size
        options |= {"img_size": (height, width), "fc_norm": False}
    return options


def _download(name: str, load: Callable[[], Any]) -> Any:
    """Run a hub download; every way in which it can fail becomes one sentence."""
    try:
        return load()
    except Exception as error:  # hub clients raise many unrelated types when offline
        raise OSError(
            f"the pretrained weights of {name} cannot be had ({_first_line(error)}): go online, "
            "give a local file with `weights`, or train without (`pretrained: false`)"
        ) from error


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist: give a state-dict file")
    try:
        state: dict[str, Tensor] = load_state_dict(str(path), use_ema=False, weights_only=True)
    except Exception as error:  # a damaged file fails in any of torch's, pickle's and safetensors' ways
        raise ValueError(
            f"weights file {path} cannot be read ({_first_line(error)}): give a state dict as .safetensors or .pth"
        ) from error
    return state


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]

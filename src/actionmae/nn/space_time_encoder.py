"""R(2+1)D instead of space and time encoder (Tables 2 and 8).

Legend: R rows (clips that have this modality), T frame, H W pixels, C embed_dim.
"""

from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.choices import Norm
from actionmae.core.normalization import rescaling
from actionmae.nn.frames import nearest_available
from actionmae.nn.norms import check_norm, replace_norms
from actionmae.nn.weights import download, load_into, read_weights_file


class SpaceTimeEncoder(nn.Module):
    """R(2+1)D-18 (Tran et al. 2018), torchvision's: a clip to one vector (Table 2, row 1).

    "ImageNet initialised" (Table 2) cannot be had for it; `pretrained` loads torchvision's Kinetics-400 weights.

    Args:
        embed_dim: C.
        frame_shape: (3, H, W).
        pretrained: Load Kinetics-400 weights.
        weights: A local state-dict file instead of the download.
        norm: Its BatchNorm layers: batch, frozen, or group.
        rescale: See `SpaceEncoder`.

    Raises:
        ValueError: If frames do not have 3 channels, weights do not fit, or norm "group" meets pretrained weights.
        OSError: If weights cannot be had.
    """

    streamable = False
    """Its convolutions run over time: a new frame changes the features of its neighbours."""

    def __init__(
        self,
        *,
        embed_dim: int,
        frame_shape: tuple[int, ...],
        pretrained: bool = False,
        weights: Path | None = None,
        norm: Norm = "batch",
        rescale: bool = True,
    ) -> None:
        super().__init__()
        from torchvision.models.video import R2Plus1D_18_Weights, r2plus1d_18

        if frame_shape[0] != 3:
            raise ValueError(f"r2plus1d_18 reads 3 channels, this modality has {frame_shape[0]}: choose a timm encoder")
        check_norm(norm, pretrained=pretrained, weights=weights)
        network = r2plus1d_18()
        if weights is not None:
            load_into(network, read_weights_file(weights), source=str(weights), name="r2plus1d_18")
        elif pretrained:
            kinetics = R2Plus1D_18_Weights.KINETICS400_V1
            state = download("r2plus1d_18", kinetics.get_state_dict, from_hub=False)
            load_into(network, state, source="of torchvision", name="r2plus1d_18")
        self.network = replace_norms(network, norm, name="r2plus1d_18")
        width = network.fc.in_features
        network.fc = nn.Identity() if width == embed_dim else nn.Linear(width, embed_dim)
        self.rescale: Tensor | None
        kinetics = R2Plus1D_18_Weights.KINETICS400_V1.transforms()
        table = rescaling(kinetics.mean, kinetics.std) if rescale else None
        self.register_buffer("rescale", None if table is None else torch.tensor(table), persistent=False)

    def forward(
        self, frames: Float[Tensor, "R T channels H W"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """One vector a clip. A frame that is missing is replaced by the nearest one that exists."""
        if frame_available is not None:
            nearest = nearest_available(frame_available)
            frames = frames[torch.arange(len(frames), device=frames.device)[:, None], nearest]
        if self.rescale is not None:
            factor, offset = self.rescale[:, None, None, :, None, None]
            frames = frames * factor + offset
        features: Tensor = self.network(frames.transpose(1, 2))
        return features

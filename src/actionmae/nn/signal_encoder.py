"""Space encoders (Eq. 1) for what is not an image: skeleton joints, sensor signals, precomputed features.

Each turns frame i of a clip into one vector x_i; the time transformer follows. What does not exist is never encoded.

Legend: R rows (clips that have this modality), T frame, P person, J joint, L samples of a window, C embed_dim.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.nn.frames import gather_scatter


class JointEncoder(nn.Module):
    """A frame's skeletons: positions and velocities of all joints → a vector per person → maximum over the persons.

    Args:
        frame_shape: (P, J, 3).
        embed_dim: C.
        hidden: Width of the hidden layer.
        dropout: 0–1.
    """

    streamable = False
    """A frame's features hold the change since the frame before."""

    def __init__(
        self, *, frame_shape: tuple[int, ...], embed_dim: int, hidden: int = 256, dropout: float = 0.0
    ) -> None:
        super().__init__()
        _, joints, coordinates = frame_shape
        self.embed_dim = embed_dim
        self.mlp = nn.Sequential(
            nn.BatchNorm1d(2 * joints * coordinates),
            nn.Linear(2 * joints * coordinates, hidden),
            nn.BatchNorm1d(hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, embed_dim),
        )

    def forward(
        self,
        joints: Float[Tensor, "R T P J 3"],
        *,
        frame_available: Bool[Tensor, "R T"] | None = None,
        person_available: Bool[Tensor, "R T P"] | None = None,
    ) -> Float[Tensor, "R T C"]:
        """Features of the frames in which somebody is seen; zero elsewhere."""
        seen = torch.ones(joints.shape[:3], dtype=torch.bool, device=joints.device)
        if person_available is not None:
            seen = seen & person_available
        if frame_available is not None:
            seen = seen & frame_available[:, :, None]
        joints = torch.where(seen[..., None, None], joints, 0.0)
        features = torch.cat([joints, velocities(joints, seen)], dim=3).flatten(3)  # [R, T, P, 2·J·3]
        features, persons = features.flatten(1, 2), seen.flatten(1)
        encoded = gather_scatter(self.mlp, features, persons, self.embed_dim, training=self.training)
        encoded = encoded.reshape(*seen.shape, self.embed_dim)  # [R, T, P, C]
        lowest = torch.finfo(encoded.dtype).min
        pooled = torch.where(seen[..., None], encoded, lowest).amax(dim=2)
        return torch.where(seen.any(dim=2)[..., None], pooled, 0.0)


def velocities(joints: Float[Tensor, "R T P J 3"], seen: Bool[Tensor, "R T P"]) -> Float[Tensor, "R T P J 3"]:
    """Change since the previous frame, zero where either frame is missing and in the first frame; metres per frame."""
    both = seen[:, 1:] & seen[:, :-1]
    change = torch.where(both[..., None, None], joints[:, 1:] - joints[:, :-1], 0.0)
    return torch.cat([torch.zeros_like(joints[:, :1]), change], dim=1)


class SignalEncoder(nn.Module):
    """A window of L samples of a multi-channel signal: three strided convolutions, averaged over the window.

    Args:
        frame_shape: (channels, L).
        embed_dim: C.
        hidden: Channels of the convolutions.
        dropout: 0–1.
    """

    streamable = True
    """A window's features depend on this window alone."""

    def __init__(
        self, *, frame_shape: tuple[int, ...], embed_dim: int, hidden: int = 128, dropout: float = 0.0
    ) -> None:
        super().__init__()
        channels, _ = frame_shape
        self.embed_dim = embed_dim
        self.network = nn.Sequential(
            nn.BatchNorm1d(channels),  # sensors' units differ by orders of magnitude
            nn.Conv1d(channels, hidden // 2, 5, stride=2, padding=2),
            nn.BatchNorm1d(hidden // 2),
            nn.GELU(),
            nn.Conv1d(hidden // 2, hidden, 5, stride=2, padding=2),
            nn.BatchNorm1d(hidden),
            nn.GELU(),
            nn.Conv1d(hidden, hidden, 3, stride=2, padding=1),
            nn.BatchNorm1d(hidden),
            nn.GELU(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(hidden, embed_dim),
        )

    def forward(
        self, windows: Float[Tensor, "R T channels L"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R T C"]:
        """Features of the windows that exist; zero elsewhere."""
        return gather_scatter(self.network, windows, frame_available, self.embed_dim, training=self.training)


class FeatureEncoder(nn.Module):
    """Somebody else's per-frame features: LayerNorm and a linear map to C.

    Args:
        frame_shape: (channels,).
        embed_dim: C.
    """

    streamable = True
    """A frame's features depend on this frame alone."""

    def __init__(self, *, frame_shape: tuple[int, ...], embed_dim: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.network = nn.Sequential(nn.LayerNorm(frame_shape[0]), nn.Linear(frame_shape[0], embed_dim))

    def forward(
        self, features: Float[Tensor, "R T channels"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R T C"]:
        """Features of the frames that exist; zero elsewhere."""
        return gather_scatter(self.network, features, frame_available, self.embed_dim, training=self.training)

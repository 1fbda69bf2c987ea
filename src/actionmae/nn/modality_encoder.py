"""One modality's stream: space encoder (Eq. 1), then time transformer (Eq. 2–4): a clip → its token z.

Legend: R rows (clips that have this modality), T frame, C embed_dim.
"""

from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.modality import ModalitySpec
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.signal_encoder import FeatureEncoder, JointEncoder, SignalEncoder
from actionmae.nn.space_encoder import SPACE_TIME_ENCODERS, SpaceEncoder, SpaceTimeEncoder
from actionmae.nn.time_transformer import TimeTransformer


class ModalityEncoder(nn.Module):
    """Clip → token. `time` is None where the space encoder already reads the whole clip (R(2+1)D).

    Args:
        space: [R, T, …] → [R, T, C], or [R, C] for a space-time encoder.
        time: [R, T, C] → [R, C], or None.
    """

    def __init__(self, *, space: nn.Module, time: TimeTransformer | None) -> None:
        super().__init__()
        self.space = space
        self.time = time

    def forward(
        self, clip: Tensor, *, frame_available: Bool[Tensor, "R T"] | None, **masks: Any
    ) -> Float[Tensor, "R C"]:
        """Token of each clip; `masks` are those only the space encoder knows (person_available)."""
        features: Tensor = self.space(clip, frame_available=frame_available, **masks)
        if self.time is None:
            return features
        token: Tensor = self.time(features, frame_available=frame_available)
        return token


def build_modality_encoder(spec: ModalitySpec, config: ClassifierConfig) -> ModalityEncoder:
    """The stream of one modality as `config` says.

    Raises:
        ValueError: If the encoder does not fit the modality's kind.
    """
    name = config.encoder_of(spec)
    time = None
    if name not in SPACE_TIME_ENCODERS:
        time = TimeTransformer(num_frames=spec.num_frames, depth=config.time_depth, **config.transformer_options())
    return ModalityEncoder(space=_build_space(name, spec, config), time=time)


def _build_space(name: str, spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    vector_encoders: dict[str, tuple[str, Any]] = {
        "joints": ("joints", JointEncoder),
        "signal": ("signal", SignalEncoder),
        "features": ("features", FeatureEncoder),
    }
    if (spec.kind == "frames") == (name in vector_encoders) or (name in vector_encoders and name != spec.kind):
        fit = "a timm name or r2plus1d_18" if spec.kind == "frames" else repr(spec.kind)
        raise ValueError(f"encoder {name!r} cannot read modality {spec.name!r} ({spec.kind}): use {fit}")
    if spec.kind == "features":
        return FeatureEncoder(frame_shape=spec.shape, embed_dim=config.embed_dim)
    if name in vector_encoders:
        encoder: nn.Module = vector_encoders[name][1](
            frame_shape=spec.shape, embed_dim=config.embed_dim, dropout=config.dropout
        )
        return encoder
    weights = config.weights.get(spec.name)
    if name in SPACE_TIME_ENCODERS:
        return SpaceTimeEncoder(
            embed_dim=config.embed_dim, frame_shape=spec.shape, pretrained=config.pretrained, weights=weights
        )
    return SpaceEncoder(
        name=name,
        embed_dim=config.embed_dim,
        frame_shape=spec.shape,
        pretrained=config.pretrained,
        weights=weights,
        norm=config.norm,
    )

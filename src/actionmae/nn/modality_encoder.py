"""One modality: its encoder (Eq. 1), then the time transformer (Eq. 2–4): a clip → frame features → its token z.

Legend: R rows (clips that have this modality), T frame, C embed_dim; frames is T, or 1 of an encoder of whole clips.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.dynamic_image import DynamicImageEncoder
from actionmae.nn.fully_convolutional_3d import FullyConvolutional3D
from actionmae.nn.grid_cnn import GridCNN
from actionmae.nn.motion_transformer import MotionTransformer
from actionmae.nn.norms import replace_norms
from actionmae.nn.parts import Part
from actionmae.nn.registry import find_encoder, register_encoder
from actionmae.nn.segment_means import SegmentMeans
from actionmae.nn.signal_encoder import FeatureEncoder, JointEncoder, SignalEncoder
from actionmae.nn.space_encoder import SpaceEncoder
from actionmae.nn.time_transformer import TimeTransformer


class ModalityEncoder(nn.Module):
    """Clip → frame features → token. `time` is None where `space` reads the whole clip (R(2+1)D).

    Args:
        space: [R, T, …] → [R, T, C], or [R, C] for an encoder of whole clips.
        time: [R, T, C] → [R, C], or None.
    """

    def __init__(self, *, space: nn.Module, time: nn.Module | None) -> None:
        super().__init__()
        self.space = space
        self.time = time

    @property
    def streamable(self) -> bool:
        """Whether a frame's features depend on this frame alone, so that they can be kept while a window slides."""
        return self.time is not None and bool(getattr(self.space, "streamable", False))

    def encode_frames(
        self,
        clip: Tensor,
        *,
        frame_available: Bool[Tensor, "R T"] | None = None,
        person_available: Bool[Tensor, "R T P"] | None = None,
    ) -> Float[Tensor, "R frames C"]:
        """Eq. 1. Features of every frame, zero where it does not exist; of a whole-clip encoder [R, 1, C]."""
        masks = {} if person_available is None else {"person_available": person_available}
        features: Tensor = self.space(clip, frame_available=frame_available, **masks)
        return features if self.time is not None else features[:, None]

    def encode_time(
        self, features: Float[Tensor, "R frames C"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """Eq. 2–4. The token of each clip from its frame features."""
        if self.time is None:
            return features[:, 0]
        token: Tensor = self.time(features, frame_available=frame_available)
        return token

    def forward(
        self,
        clip: Tensor,
        *,
        frame_available: Bool[Tensor, "R T"] | None = None,
        person_available: Bool[Tensor, "R T P"] | None = None,
    ) -> Float[Tensor, "R C"]:
        """Token of each clip."""
        features = self.encode_frames(clip, frame_available=frame_available, person_available=person_available)
        return self.encode_time(features, frame_available=frame_available)


def build_modality_encoder(spec: ModalitySpec, config: ClassifierConfig) -> ModalityEncoder:
    """The encoder of one modality as `config` says.

    Raises:
        ValueError: If the encoder is unknown or does not fit the modality's kind.
    """
    entry = find_encoder(config.encoder_of(spec), spec)
    time = None if entry.whole_clip else _build_time_encoder(spec.num_frames, config)
    return ModalityEncoder(space=entry.build(spec, config), time=time)


def build_modality_encoders(modalities: ModalitySet, config: ClassifierConfig) -> list[ModalityEncoder]:
    """The encoders of a model; with time_encoder "shared_motion" their time encoders are one.

    Raises:
        ValueError: If an encoder is unknown or does not fit its modality's kind.
    """
    encoders = [build_modality_encoder(spec, config) for spec in modalities]
    if config.time_encoder == "shared_motion":
        longest, layers = max(spec.num_frames for spec in modalities), config.transformer(config.time_depth)
        shared = MotionTransformer(num_frames=longest, config=layers)
        for encoder in encoders:
            if encoder.time is not None:
                encoder.time = MotionTransformer(num_frames=longest, config=layers, shared=shared)
    return encoders


def _build_time_encoder(num_frames: int, config: ClassifierConfig) -> nn.Module:
    if config.time_encoder == "segments":
        return SegmentMeans(embed_dim=config.embed_dim)
    layers = config.transformer(config.time_depth)
    if config.time_encoder == "transformer":
        return TimeTransformer(num_frames=num_frames, config=layers)
    return MotionTransformer(num_frames=num_frames, config=layers)


def encoder_parts(spec: ModalitySpec, config: ClassifierConfig, prefix: str) -> list[Part]:
    """What can move of a modality's encoder into another model; `prefix` as in `Part`.

    Of a shared time encoder only the standardisation is the modality's, see `shared_time_part`.
    """
    space = {"encoder": config.encoder_of(spec), "embed_dim": config.embed_dim, "norm": config.norm}
    space |= {"normalization": config.normalization}
    own = "time.standardise." if config.time_encoder == "shared_motion" else "time."
    return [
        Part(role="space", prefix=f"{prefix}space.", modality=spec.name, settings=space),
        Part(role="time", prefix=f"{prefix}{own}", modality=spec.name, settings=_time_settings(config)),
    ]


def shared_time_part(modalities: ModalitySet, config: ClassifierConfig) -> list[Part]:
    """The time encoder that all modalities share, under the name of the first that has one; nothing without it."""
    if config.time_encoder != "shared_motion":
        return []
    for slot, spec in enumerate(modalities):
        if not find_encoder(config.encoder_of(spec), spec).whole_clip:
            return [Part(role="time", prefix=f"encoders.{slot}.time.", settings=_time_settings(config))]
    return []


def _time_settings(config: ClassifierConfig) -> dict[str, Any]:
    return {**config.layer_settings(), "time_depth": config.time_depth, "time_encoder": config.time_encoder}


def token_head_part(spec: ModalitySpec, config: ClassifierConfig, classes: Sequence[str], prefix: str) -> Part:
    """A linear classifier of a modality's token."""
    settings, only_for = {"embed_dim": config.embed_dim}, {"classes": list(classes)}
    return Part(role="token head", prefix=prefix, modality=spec.name, settings=settings, only_for=only_for)


@register_encoder("timm", kinds=())
def _timm(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    """Under its own name: `find_encoder` comes here with any name of timm."""
    from actionmae.nn.timm_network import timm_encoder

    return timm_encoder(
        config.encoder_of(spec),
        embed_dim=config.embed_dim,
        frame_shape=spec.shape,
        pretrained=config.pretrained,
        weights=config.weights.get(spec.name),
        norm=config.norm,
        rescale=config.normalization == "weights",
    )


@register_encoder("r2plus1d_18", kinds=("frames",), whole_clip=True)
def _r2plus1d(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    from actionmae.nn.space_time_encoder import SpaceTimeEncoder

    return SpaceTimeEncoder(
        embed_dim=config.embed_dim,
        frame_shape=spec.shape,
        pretrained=config.pretrained,
        weights=config.weights.get(spec.name),
        norm=config.norm,
        rescale=config.normalization == "weights",
    )


@register_encoder("fcn3d", kinds=("frames",), whole_clip=True)
def _fcn3d(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    if config.pretrained or spec.name in config.weights:
        raise ValueError("fcn3d has no pretrained weights: train it from scratch, or choose a timm encoder")
    network = FullyConvolutional3D(in_chans=spec.shape[0], embed_dim=config.embed_dim)
    replace_norms(network, config.norm, name="fcn3d")
    return network


@register_encoder("dynamic_image", kinds=("frames",), whole_clip=True)
def _dynamic_image(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    """Around the encoder that the modality would have otherwise."""
    others = {name: encoder for name, encoder in config.encoders.items() if name != spec.name}
    without = dataclasses.replace(config, encoders=others)
    entry = find_encoder(without.encoder_of(spec), spec)
    if entry.whole_clip:
        raise ValueError(
            f"encoder 'dynamic_image' reads one image: {without.encoder_of(spec)!r} of {spec.name} reads whole clips; "
            "set model.space_encoder to an image network"
        )
    return DynamicImageEncoder(entry.build(spec, without))


@register_encoder("grid_cnn", kinds=("frames",))
def _grid_cnn(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    if config.pretrained or spec.name in config.weights:
        raise ValueError("grid_cnn has no pretrained weights: train it from scratch, or choose a timm encoder")
    network = GridCNN(in_chans=spec.shape[0], num_features=config.embed_dim)
    replace_norms(network, config.norm, name="grid_cnn")
    return SpaceEncoder(network, width=network.num_features, embed_dim=config.embed_dim)


@register_encoder("joints", kinds=("joints",))
def _joints(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    return JointEncoder(frame_shape=spec.shape, embed_dim=config.embed_dim, dropout=config.dropout)


@register_encoder("signal", kinds=("signal",))
def _signal(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    return SignalEncoder(frame_shape=spec.shape, embed_dim=config.embed_dim, dropout=config.dropout)


@register_encoder("features", kinds=("features",))
def _features(spec: ModalitySpec, config: ClassifierConfig) -> nn.Module:
    return FeatureEncoder(frame_shape=spec.shape, embed_dim=config.embed_dim)

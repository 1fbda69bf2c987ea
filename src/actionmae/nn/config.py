"""Every switch of the architecture, with the paper's value as default. No torch here."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from actionmae.core.choices import Norm, Positions, check_choice, did_you_mean
from actionmae.core.modality import ModalitySpec

FusionInput = Literal["filled", "reconstructed", "missing"]
ConfigPositions = Literal["input", "attention"]
Normalization = Literal["weights", "imagenet"]
TimeEncoder = Literal["transformer", "motion", "shared_motion", "segments"]

MOST_WEIGHTS = 2**28
"""In the layers of one transformer; the paper's have 6.3 million."""

MOST_MEMORY_TOKENS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """One of the paper's transformers (Eq. 3–4).

    Attributes:
        dim: C, even (positions are sines and cosines) and divisible by `num_heads`.
        depth: Number of blocks (paper: 2 everywhere).
        num_heads: Attention heads (App. B: 8).
        mlp_dim: Feed-forward width (App. B: 2048).
        dropout: 0–1, on attention weights, the attention's output and both layers of the feed-forward network (Table 3:
            none).
        positions: Where positions enter; "none" is Table 7c's "w/o pos".
        final_norm: LayerNorm after the last block (Eq. 4 has none; see docs/design.md).

    Raises:
        ValueError: If a number is out of range or does not fit another.
    """

    dim: int
    depth: int = 2
    num_heads: int = 8
    mlp_dim: int = 2048
    dropout: float = 0.0
    positions: Positions = "input"
    final_norm: bool = True

    def __post_init__(self) -> None:
        for name in ("dim", "depth", "num_heads", "mlp_dim"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{'embed_dim' if name == 'dim' else name} is {value!r}: give a whole number above 0")
        if self.dim % 2:
            raise ValueError(f"embed_dim is {self.dim}: sine-cosine positions need an even width")
        if self.dim % self.num_heads:
            raise ValueError(
                f"embed_dim {self.dim} is not divisible by num_heads {self.num_heads}: choose a divisor of {self.dim}"
            )
        if not isinstance(self.dropout, int | float) or not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout is {self.dropout}: give a probability in [0, 1)")
        if not isinstance(self.final_norm, bool):
            raise ValueError(f"final_norm is {self.final_norm!r}: give true or false")
        check_choice("positions", self.positions, Positions)
        weights = self.depth * self.dim * (4 * self.dim + 2 * self.mlp_dim)
        if weights > MOST_WEIGHTS:
            raise ValueError(
                f"embed_dim {self.dim}, mlp_dim {self.mlp_dim} and depth {self.depth} make {weights:,} weights: choose "
                f"smaller ones, a transformer has at most {MOST_WEIGHTS:,}"
            )


def check_memory(num_memory_tokens: int) -> None:
    """Refuse a number of memory tokens that is out of range.

    Raises:
        ValueError: If it is no whole number of at least 0, or above `MOST_MEMORY_TOKENS`.
    """
    if not isinstance(num_memory_tokens, int) or not 0 <= num_memory_tokens <= MOST_MEMORY_TOKENS:
        raise ValueError(
            f"num_memory_tokens is {num_memory_tokens!r}: give 0 (no memory) or more, at most {MOST_MEMORY_TOKENS}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """Architecture of a `MultiModalClassifier`.

    Attributes:
        embed_dim: C, width of every token (§2.1: 512).
        space_encoder: Space encoder of all frame modalities; None = each spec's own (resnet34, §2.1).
        encoders: Encoder by modality name, before `space_encoder`.
        pretrained: Start frame encoders from ImageNet weights (§4.1); R(2+1)D from Kinetics.
        weights: Local weight file by modality name, instead of the download.
        norm: BatchNorm of frame encoders: batch, frozen, or group (GroupNorm).
        normalization: "weights": frames reach a network normalised as its own weights were trained; "imagenet": all
            with ImageNet's mean and standard deviation (models of format 1).
        time_encoder: What makes a token of frame features: "transformer" (Eq. 2–4); "motion": the same, of standardised
            features and their changes (not in the paper); "shared_motion": one such network for all modalities;
            "segments": means over equal parts of the clip, for fusion "bilinear".
        time_depth: L, layers of the time transformer (§2.1: 2).
        num_heads: Heads of every transformer (App. B: 8).
        mlp_dim: Feed-forward width of every transformer (App. B: 2048).
        dropout: In every transformer (Table 3: none).
        positions: "input": added once at each transformer's input (Eq. 2, Fig. 5); "attention": inside Q, K, V (Eq. 7).
        final_norm: LayerNorm after each transformer (Eq. 4 has none; a pre-LN stack's output scale drifts without).
        fusion: sum, concat, transformer (§2.3), or a registered one.
        fusion_depth: Layers of the fusion transformer (the paper is silent: 2).
        action_mae: Reconstruct missing tokens before fusion (§3).
        mae_depth: Layers of ActionMAE's encoder, and of its decoder (§4.1: 2 + 2).
        num_memory_tokens: Memory tokens (§3.1: 1; 0 = Table 7a "w/o mem").
        mae_positions: Positions in ActionMAE (False = Table 7c "w/o pos").
        fusion_input: What fusion sees with ActionMAE: "filled" = originals, reconstructions in the missing places
            (§3.1); "reconstructed" = the decoder's output in every place; "missing" = only the reconstructions of
            missing tokens (App. B to the letter), the originals of a clip that misses none.
        completion: Registered module that fills missing tokens in place of ActionMAE; "" = none.
        token_heads: One classifier per modality token beside the fusion's (not in the paper; see docs/design.md).

    Raises:
        ValueError: If a number is out of range or a word is none of the choices.
    """

    embed_dim: int = 512
    space_encoder: str | None = None
    encoders: dict[str, str] = dataclasses.field(default_factory=dict)
    pretrained: bool = False
    weights: dict[str, Path] = dataclasses.field(default_factory=dict)
    norm: Norm = "batch"
    normalization: Normalization = "weights"
    time_encoder: TimeEncoder = "transformer"
    time_depth: int = 2
    num_heads: int = 8
    mlp_dim: int = 2048
    dropout: float = 0.0
    positions: ConfigPositions = "input"
    final_norm: bool = True
    fusion: str = "transformer"
    fusion_depth: int = 2
    action_mae: bool = False
    mae_depth: int = 2
    num_memory_tokens: int = 1
    mae_positions: bool = True
    fusion_input: FusionInput = "filled"
    completion: str = ""
    token_heads: bool = False

    def __post_init__(self) -> None:
        for name in ("time_depth", "fusion_depth", "mae_depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"model.{name} is {getattr(self, name)}: give at least 1")
        if self.completion and self.action_mae:
            raise ValueError(
                f"model.action_mae is true and model.completion is {self.completion!r}: one fills missing tokens"
            )
        try:
            check_memory(self.num_memory_tokens)
            self.transformer(max(self.time_depth, self.fusion_depth, self.mae_depth))
        except ValueError as error:
            raise ValueError(f"model.{error}") from None
        choices = {"norm": Norm, "normalization": Normalization}
        choices |= {"time_encoder": TimeEncoder, "positions": ConfigPositions, "fusion_input": FusionInput}
        for name, allowed in choices.items():
            check_choice(f"model.{name}", getattr(self, name), allowed)

    def check_names(self, modalities: Sequence[str]) -> None:
        """Refuse an encoder or weights for a modality that the model does not have.

        Raises:
            ValueError: Naming the first.
        """
        for field in ("encoders", "weights"):
            for name in getattr(self, field):
                if name not in modalities:
                    raise ValueError(
                        f"model.{field} names {name!r}{did_you_mean(name, modalities)}, which is no modality of this "
                        f"model: it has {', '.join(modalities)}"
                    )

    def encoder_of(self, spec: ModalitySpec) -> str:
        """Name of the encoder that reads this modality."""
        fallback = self.space_encoder if spec.kind == "frames" and self.space_encoder else spec.encoder
        return self.encoders.get(spec.name, fallback)

    def transformer(self, depth: int) -> TransformerConfig:
        """One of the model's transformers; they differ in depth alone."""
        return TransformerConfig(
            dim=self.embed_dim,
            depth=depth,
            num_heads=self.num_heads,
            mlp_dim=self.mlp_dim,
            dropout=self.dropout,
            positions=self.positions,
            final_norm=self.final_norm,
        )

    def layer_settings(self) -> dict[str, Any]:
        """What all of the model's transformers have in common, as `Part.settings` name it; weights outlive dropout."""
        layers = dataclasses.asdict(self.transformer(1))
        own = ("depth", "dropout")
        return {"embed_dim": layers.pop("dim")} | {name: layers[name] for name in layers if name not in own}

    @property
    def mae_position_mode(self) -> Positions:
        """Where positions enter ActionMAE."""
        return self.positions if self.mae_positions else "none"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready architecture. Where initial weights came from is no part of it."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if name not in ("pretrained", "weights")}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "ClassifierConfig":
        """Rebuild from `to_dict`.

        Raises:
            ValueError: If a field is unknown, of another type or out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known)
        if unknown:
            raise ValueError(f"unknown model field {unknown[0]!r}: known are {', '.join(sorted(known))}")
        return msgspec.convert(dict(fields), cls)

"""The switches of the methods whose modalities are streams that predict on their own and teach each other."""

from dataclasses import dataclass

from actionmae.methods.config.base import DroppingConfig, MethodConfig


@dataclass(frozen=True, kw_only=True)
class DMCLConfig(MethodConfig):
    """Distillation multiple choice learning (Garcia et al. 2021).

    Attributes:
        soft_weight: λ, 0–1: what a losing stream owes to the winner's soft targets; the rest is its cross-entropy.
        temperature: T of the soft targets.
    """

    name: str = "dmcl"
    soft_weight: float = 0.5
    temperature: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.soft_weight > 1:
            raise ValueError(f"method.soft_weight is {self.soft_weight}: give a number in [0, 1]")


@dataclass(frozen=True, kw_only=True)
class GraphDistillationConfig(MethodConfig):
    """Graph distillation (Luo et al. 2018).

    Attributes:
        token_imitation_weight: Of the cosine distance to the sources' tokens.
        soft_weight: Of the sources' soft targets.
        temperature: T of the soft targets.
        edge_temperature: Of the softmax over the sources; high = all alike.
        streams_fraction: Of the epochs, in which the streams learn alone before they teach each other.
    """

    name: str = "graph_distillation"
    token_imitation_weight: float = 1.0
    soft_weight: float = 1.0
    temperature: float = 2.0
    edge_temperature: float = 1.0
    streams_fraction: float = 0.5


@dataclass(frozen=True, kw_only=True)
class SimMLMConfig(DroppingConfig):
    """Modality experts, a gate over those present, and a loss that ranks more modalities above fewer (2025).

    Attributes:
        rank_weight: Of the ranking loss.
        experts_fraction: Of the epochs, in which the experts learn alone before the gate joins them.
    """

    name: str = "simmlm"
    rank_weight: float = 1.0
    experts_fraction: float = 0.5


@dataclass(frozen=True, kw_only=True)
class CrossPredictionConfig(MethodConfig):
    """Streams whose frame features also tell what the other sensors see; their logits are added.

    Attributes:
        prediction_weight: Of the error of what a stream tells of the others, beside its cross-entropy.
    """

    name: str = "cross_prediction"
    prediction_weight: float = 2.0

"""The switches of the methods that imagine the tokens of missing modalities, as ActionMAE does."""

from dataclasses import dataclass

from actionmae.methods.config.base import DroppingConfig


@dataclass(frozen=True, kw_only=True)
class SMILConfig(DroppingConfig):
    """Missing tokens from priors, Bayesian regularisation, a meta-learnt fusion (Ma et al. 2021).

    Attributes:
        inner_lr: Step of the fusion on the incomplete clips, before it is judged on the complete ones.
        divergence_weight: Of the regularisation's Kullback–Leibler divergence from its prior.
    """

    name: str = "smil"
    inner_lr: float = 0.01
    divergence_weight: float = 0.001

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.inner_lr >= 0:
            raise ValueError(f"method.inner_lr is {self.inner_lr}: give 0 or more")


@dataclass(frozen=True, kw_only=True)
class MMINConfig(DroppingConfig):
    """Missing tokens from a cascade of residual autoencoders, with cycle consistency (Zhao et al. 2021).

    Attributes:
        imagination_weight: Of the distance between imagined and true tokens.
        cycle_weight: Of the distance between visible tokens and what the way back makes of the imagined ones.
        complete_fraction: Of the epochs, in which encoders and fusion learn from complete clips.
    """

    name: str = "mmin"
    imagination_weight: float = 1.0
    cycle_weight: float = 1.0
    complete_fraction: float = 0.5

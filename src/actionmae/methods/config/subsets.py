"""The switches of the methods that train one model on several sets of its modalities."""

from dataclasses import dataclass

from actionmae.methods.config.base import DroppingConfig, MethodConfig
from actionmae.methods.config.supervised import ModalityDropoutConfig


@dataclass(frozen=True, kw_only=True)
class MissingTokensConfig(ModalityDropoutConfig):
    """Modality dropout with a learned token in the place of each missing modality (Ramazanova et al. 2024)."""

    name: str = "missing_tokens"


@dataclass(frozen=True, kw_only=True)
class SelfDistillationConfig(DroppingConfig):
    """What the model says of all modalities teaches what it says of fewer.

    Attributes:
        num_subsets: Subsets drawn in each step.
        subset_weight: Of the subsets' cross-entropy.
        soft_weight: Of the subsets' distance to the soft targets of the full set.
        temperature: T of the soft targets.
    """

    name: str = "self_distillation"
    num_subsets: int = 1
    subset_weight: float = 1.0
    soft_weight: float = 1.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_subsets < 1:
            raise ValueError(f"method.num_subsets is {self.num_subsets}: give at least 1")


@dataclass(frozen=True, kw_only=True)
class OptimalFusionConfig(MethodConfig):
    """All modalities and each alone as tasks, and a search of the layer where they meet (Ma et al. 2022).

    Attributes:
        single_weight: Of the cross-entropy of single modalities.
        search_fraction: Of the epochs, in which the layer is searched; it is fixed afterwards.
    """

    name: str = "optimal_fusion"
    single_weight: float = 1.0
    search_fraction: float = 0.3


@dataclass(frozen=True, kw_only=True)
class MMParetoConfig(MethodConfig):
    """Joint and single-modality losses whose gradients on each encoder are balanced (Wei & Hu 2024).

    Attributes:
        rescale: γ > 0, times the length that the plain sum of both gradients has.
    """

    name: str = "mmpareto"
    rescale: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rescale > 0:
            raise ValueError(f"method.rescale is {self.rescale}: give a number above 0")

"""The switches of plain training, modality dropout and ActionMAE, with the paper's values as defaults."""

from dataclasses import dataclass
from typing import Literal

from actionmae.core.choices import Reduction, check_choice
from actionmae.methods.config.base import DroppingConfig, MethodConfig

RecGradient = Literal["encoders", "action_mae"]


@dataclass(frozen=True, kw_only=True)
class PlainConfig(MethodConfig):
    """Cross-entropy on what exists: specialists and fusion baselines (Tables 4 and 6).

    Attributes:
        cls_weight: λ_cls of Eq. 6.
        token_weight: Weight of one classifier per modality token; 0 = none (the paper). The model gets such heads where
            it is above 0.
    """

    name: str = "plain"
    cls_weight: float = 1.0
    token_weight: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ModalityDropoutConfig(PlainConfig, DroppingConfig):
    """The same with modalities dropped at random; nothing is reconstructed."""

    name: str = "modality_dropout"


@dataclass(frozen=True, kw_only=True)
class ActionMAEConfig(ModalityDropoutConfig):
    """Dropping and reconstruction (§3).

    Attributes:
        rec_weight: λ_rec of Eq. 6.
        detach_target: No gradient of Eq. 5 into its target (§3.2).
        rec_gradient: How far the gradient of Eq. 5 reaches: through the visible tokens into their encoders, or no
            further than ActionMAE ("only memory token and dummy tokens are affected", §3.2 to the letter).
        rec_reduction: Eq. 5 averaged or summed over C.
        normalize_target: Eq. 5 on targets of zero mean and unit variance.
    """

    name: str = "action_mae"
    rec_weight: float = 1.0
    detach_target: bool = True
    rec_gradient: RecGradient = "encoders"
    rec_reduction: Reduction = "mean"
    normalize_target: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("method.rec_gradient", self.rec_gradient, RecGradient)
        check_choice("method.rec_reduction", self.rec_reduction, Reduction)

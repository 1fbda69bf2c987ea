"""What is optimised, as switches with the paper's values as defaults. No torch here."""

from dataclasses import dataclass
from typing import Literal

from actionmae.core.choices import Draw, Per, Reduction, check_choice

MethodName = Literal["plain", "modality_dropout", "action_mae"]


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """A training method.

    Attributes:
        name: "plain": cross-entropy on what exists (specialists and fusion baselines, Tables 4 and 6);
            "modality_dropout": the same with modalities dropped at random, nothing is reconstructed;
            "action_mae": dropping and reconstruction (§3). None = action_mae for a model that has it, else plain.
        label_smoothing: α of the cross-entropy (§4.1: 0.1).
        cls_weight: λ_cls of Eq. 6.
        rec_weight: λ_rec of Eq. 6.
        drop_per: One draw of what to drop for each batch (App. B: "at every iteration") or for each sample.
        drop_draw: K uniform, then a K-subset (§3.1); or uniform over the non-empty subsets.
        detach_target: No gradient of Eq. 5 into its target (§3.2).
        rec_reduction: Eq. 5 averaged or summed over C.
        normalize_target: Eq. 5 on targets of zero mean and unit variance.
        token_weight: Weight of one classifier per modality token; 0 = none (the paper). Needs model.token_heads.

    Raises:
        ValueError: If a weight is negative, label_smoothing is not in [0, 1), or a word is none of the choices.
    """

    name: MethodName | None = None
    label_smoothing: float = 0.1
    cls_weight: float = 1.0
    rec_weight: float = 1.0
    drop_per: Per = "batch"
    drop_draw: Draw = "uniform_k"
    detach_target: bool = True
    rec_reduction: Reduction = "mean"
    normalize_target: bool = False
    token_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in ("cls_weight", "rec_weight", "token_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"method.{name} is {getattr(self, name)}: give 0 or more")
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ValueError(f"method.label_smoothing is {self.label_smoothing}: give a share in [0, 1)")
        choices = {"drop_per": Per, "drop_draw": Draw, "rec_reduction": Reduction}
        if self.name is not None:
            choices["name"] = MethodName
        for name, allowed in choices.items():
            check_choice(f"method.{name}", getattr(self, name), allowed)

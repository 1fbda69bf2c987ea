"""The switches of methods for a fixed pair: learn from two modalities in order to do without one. No torch."""

from dataclasses import dataclass
from typing import Literal

from actionmae.core.choices import check_choice
from actionmae.methods.config.base import MethodConfig

StageEpochs = Literal["shared", "each"]
"""All stages together last `optim.epochs`, or every one of them does."""


@dataclass(frozen=True, kw_only=True)
class PairConfig(MethodConfig):
    """What these methods share.

    Attributes:
        kept: Name of the modality that will be there; "" = the first of the model's two.
        stage_epochs: The stages share `optim.epochs`, so that a training costs about as much as one of both modalities;
            or each lasts as long (as published: a stage begins with what the one before has learned in full).
    """

    kept: str = ""
    stage_epochs: StageEpochs = "shared"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("method.stage_epochs", self.stage_epochs, StageEpochs)


@dataclass(frozen=True, kw_only=True)
class HallucinationConfig(PairConfig):
    """Hoffman, Gupta, Darrell, CVPR 2016.

    Attributes:
        cls_weight: Of each of the five classification losses (the publication's β).
        hallucination_weight: How many times as large as one of them the hallucination loss is when the streams begin to
            be trained jointly ("around 10 times").
    """

    name: str = "hallucination"
    cls_weight: float = 1.0
    hallucination_weight: float = 10.0


@dataclass(frozen=True, kw_only=True)
class ModalityDistillationConfig(PairConfig):
    """Garcia, Morerio, Murino, ECCV 2018.

    Attributes:
        temperature: T, which softens the teacher's logits.
        soft_share: λ, 0–1: how much the soft targets count beside the labels.
        feature_share: α, 0–1: how much the distance of the features counts beside both.
    """

    name: str = "modality_distillation"
    temperature: float = 10.0
    soft_share: float = 0.5
    feature_share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("soft_share", "feature_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"method.{name} is {getattr(self, name)}: give a number from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class ADMDConfig(PairConfig):
    """Garcia, Morerio, Murino, TPAMI 2019: nothing to balance."""

    name: str = "admd"

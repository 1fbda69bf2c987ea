"""What is optimised, as switches with the paper's values as defaults: one configuration class for each method.

No torch here: the command line lists a method's switches without loading it. `METHODS` says which class trains it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from actionmae.core.choices import Draw, Per, Reduction, check_choice, did_you_mean

RecGradient = Literal["encoders", "action_mae"]


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """What all methods share.

    Attributes:
        name: The registered method; see docs/reference/methods.md.
        label_smoothing: α of the cross-entropy (§4.1: 0.1).

    Raises:
        ValueError: If a number is out of range or a word is none of the choices.
    """

    name: str
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ValueError(f"method.label_smoothing is {self.label_smoothing}: give a number in [0, 1)")
        for name, value in dataclasses.asdict(self).items():
            if name.endswith("_weight") and not value >= 0:
                raise ValueError(f"method.{name} is {value}: give 0 or more")


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
class ModalityDropoutConfig(PlainConfig):
    """The same with modalities dropped at random; nothing is reconstructed.

    Attributes:
        drop_per: One draw of what to drop for each optimiser step (App. B: "at every iteration") or for each sample.
        drop_draw: K uniform, then a K-subset (§3.1); or uniform over the non-empty subsets.
    """

    name: str = "modality_dropout"
    drop_per: Per = "batch"
    drop_draw: Draw = "uniform_k"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("method.drop_per", self.drop_per, Per)
        check_choice("method.drop_draw", self.drop_draw, Draw)


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


METHODS: dict[str, tuple[type[MethodConfig], str]] = {
    "plain": (PlainConfig, "actionmae.methods.supervised:Supervised"),
    "modality_dropout": (ModalityDropoutConfig, "actionmae.methods.supervised:Supervised"),
    "action_mae": (ActionMAEConfig, "actionmae.methods.supervised:Supervised"),
}
"""By name: the configuration's class, and "module:Class" of what trains."""


def register_method(name: str, config: type[MethodConfig], home: str) -> None:
    """Make a further method known.

    Args:
        name: What `method.name` says; the default of `config.name`.
        config: Its switches; a frozen dataclass whose further fields all have defaults.
        home: "module:Class" of the `Method`, imported when it is used.

    Raises:
        ValueError: If the name is taken.
    """
    if name in METHODS:
        raise ValueError(f"method {name!r} is already registered: choose another name")
    METHODS[name] = (config, home)


def config_class(name: str) -> type[MethodConfig]:
    """The switches of a method.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}{did_you_mean(name, METHODS)}: known are {', '.join(METHODS)}")
    return METHODS[name][0]


def method_config(fields: Mapping[str, Any]) -> MethodConfig:
    """A configuration from its name and fields, as they come from YAML.

    Raises:
        ValueError: If the method or a field is unknown, or a value is out of range.
    """
    method = str(fields.get("name", ActionMAEConfig.name))
    chosen = config_class(method)
    known = [each.name for each in dataclasses.fields(chosen)]
    for name in fields:
        if name not in known:
            raise ValueError(
                f"method {method!r} has no field {name!r}{did_you_mean(name, known)}: it has {', '.join(known)}"
            )
    return chosen(**fields)

"""Methods by name: `METHODS` says which class holds a method's switches, and which one trains it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from actionmae.core.choices import did_you_mean
from actionmae.methods.config.base import MethodConfig
from actionmae.methods.config.imagination import MMINConfig, SMILConfig
from actionmae.methods.config.pairs import ADMDConfig, HallucinationConfig, ModalityDistillationConfig
from actionmae.methods.config.streams import (
    CrossPredictionConfig,
    DMCLConfig,
    GraphDistillationConfig,
    SimMLMConfig,
)
from actionmae.methods.config.subsets import (
    MissingTokensConfig,
    MMParetoConfig,
    OptimalFusionConfig,
    SelfDistillationConfig,
)
from actionmae.methods.config.supervised import ActionMAEConfig, ModalityDropoutConfig, PlainConfig

METHODS: dict[str, tuple[type[MethodConfig], str]] = {
    "plain": (PlainConfig, "actionmae.methods.supervised:Supervised"),
    "modality_dropout": (ModalityDropoutConfig, "actionmae.methods.supervised:Supervised"),
    "action_mae": (ActionMAEConfig, "actionmae.methods.supervised:Supervised"),
    "cross_prediction": (CrossPredictionConfig, "actionmae.methods.cross_prediction:CrossPrediction"),
    "dmcl": (DMCLConfig, "actionmae.methods.dmcl:DMCL"),
    "graph_distillation": (GraphDistillationConfig, "actionmae.methods.graph_distillation:GraphDistillation"),
    "hallucination": (HallucinationConfig, "actionmae.methods.hallucination:Hallucination"),
    "modality_distillation": (
        ModalityDistillationConfig,
        "actionmae.methods.modality_distillation:ModalityDistillation",
    ),
    "admd": (ADMDConfig, "actionmae.methods.admd:ADMD"),
    "smil": (SMILConfig, "actionmae.methods.smil:SMIL"),
    "mmin": (MMINConfig, "actionmae.methods.mmin:MMIN"),
    "optimal_fusion": (OptimalFusionConfig, "actionmae.methods.optimal_fusion:OptimalFusion"),
    "simmlm": (SimMLMConfig, "actionmae.methods.simmlm:SimMLM"),
    "self_distillation": (SelfDistillationConfig, "actionmae.methods.self_distillation:SelfDistillation"),
    "missing_tokens": (MissingTokensConfig, "actionmae.methods.missing_tokens:MissingTokens"),
    "mmpareto": (MMParetoConfig, "actionmae.methods.mmpareto:MMPareto"),
}
"""By name: the configuration's class, and "module:Class" of what trains."""
DEFAULT_METHOD = CrossPredictionConfig.name
"""The best one measured (docs/research.md); the recipes of the paper name theirs."""


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
        raise ValueError(
            f"unknown method {name!r}{did_you_mean(name, METHODS)}: known are {', '.join(METHODS)}; import the module "
            "that registers one of your own (actionmae --import MODULE)"
        )
    return METHODS[name][0]


def method_config(fields: Mapping[str, Any]) -> MethodConfig:
    """A configuration from its name and fields, as they come from YAML.

    Raises:
        ValueError: If the method or a field is unknown, or a value is out of range.
    """
    method = str(fields.get("name", DEFAULT_METHOD))
    chosen = config_class(method)
    known = [each.name for each in dataclasses.fields(chosen)]
    for name in fields:
        if name not in known:
            raise ValueError(
                f"method {method!r} has no field {name!r}{did_you_mean(name, known)}: it has {', '.join(known)}"
            )
    return chosen(**fields)

"""What is optimised, as switches: one configuration class for each method. No torch."""

from actionmae.methods.config.base import MethodConfig
from actionmae.methods.config.registry import DEFAULT_METHOD, METHODS, config_class, method_config, register_method
from actionmae.methods.config.supervised import ActionMAEConfig, ModalityDropoutConfig, PlainConfig, RecGradient

__all__ = [
    "DEFAULT_METHOD",
    "METHODS",
    "ActionMAEConfig",
    "MethodConfig",
    "ModalityDropoutConfig",
    "PlainConfig",
    "RecGradient",
    "config_class",
    "method_config",
    "register_method",
]

"""What is optimised: a batch → `StepOutput(losses, output, logs)`. No Lightning. Names are loaded when first used."""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.methods.base import Draws, Group, Method, Stage, StepOutput, build_method
    from actionmae.methods.config import (
        ActionMAEConfig,
        MethodConfig,
        ModalityDropoutConfig,
        PlainConfig,
        method_config,
        register_method,
    )
    from actionmae.methods.supervised import Supervised

__all__ = [
    "ActionMAEConfig",
    "Draws",
    "Group",
    "Method",
    "MethodConfig",
    "ModalityDropoutConfig",
    "PlainConfig",
    "Stage",
    "StepOutput",
    "Supervised",
    "build_method",
    "method_config",
    "register_method",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ActionMAEConfig": "config",
        "Draws": "base",
        "Group": "base",
        "Method": "base",
        "MethodConfig": "config",
        "ModalityDropoutConfig": "config",
        "PlainConfig": "config",
        "Stage": "base",
        "StepOutput": "base",
        "Supervised": "supervised",
        "build_method": "base",
        "method_config": "config",
        "register_method": "config",
    },
)

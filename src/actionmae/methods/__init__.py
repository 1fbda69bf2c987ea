"""What is optimised: a batch → `StepOutput(losses, output, logs)`. No Lightning. Names are loaded when first used."""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.methods.config import MethodConfig
    from actionmae.methods.supervised import StepOutput, Supervised, build_method

__all__ = ["MethodConfig", "StepOutput", "Supervised", "build_method"]

__getattr__ = lazy_names(
    __name__,
    {"MethodConfig": "config", "StepOutput": "supervised", "Supervised": "supervised", "build_method": "supervised"},
)

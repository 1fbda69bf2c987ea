"""What is optimised: a batch → `StepOutput(losses, output, logs)`. No Lightning."""

from actionmae.methods.config import MethodConfig
from actionmae.methods.supervised import StepOutput, Supervised, build_method

__all__ = ["MethodConfig", "StepOutput", "Supervised", "build_method"]

"""Methods around a given model, for tests that build it themselves."""

from typing import Any

from actionmae.methods import Supervised, method_config
from actionmae.nn import MultiModalClassifier


def method_for(model: MultiModalClassifier, **fields: Any) -> Supervised:
    """The method that the fields name around `model`; without a name, the one that fits the model."""
    name = "plain" if model.action_mae is None else "action_mae"
    fields = {"name": name, "token_weight": float(model.token_heads is not None), **fields}
    return Supervised(model=model, config=method_config(fields))

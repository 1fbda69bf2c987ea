"""The public surface: a change here is a change for every user, so it is made on purpose."""

import pytest

import actionmae
from golden.make import ARGUMENTS, arguments

PUBLIC = [
    "ActionMAE",
    "ClipBatch",
    "ModalitySet",
    "ModalitySpec",
    "MultiModalClassifier",
    "Predictor",
    "RobustnessTable",
    "__version__",
    "build_classifier",
    "evaluate_subsets",
    "load_model",
    "save_model",
    "train",
]


def test_the_command_line_is_frozen() -> None:
    """After a change on purpose, `PYTHONPATH=tests python -m golden.make` writes it anew."""
    assert arguments().splitlines() == ARGUMENTS.read_text(encoding="utf-8").splitlines()


def test_public_names_are_frozen() -> None:
    assert sorted(actionmae.__all__) == PUBLIC
    assert dir(actionmae) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_documented(name: str) -> None:
    value = getattr(actionmae, name)
    assert name == "__version__" or value.__doc__, f"{name} has no docstring"


def test_an_unknown_name_says_what_is_public() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'Action': public are ActionMAE, ClipBatch"):
        _ = actionmae.Action

"""What jsonargparse refuses is said in words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonargparse
import pytest

from actionmae.core.misfits import describe_misfit
from actionmae.core.settings_files import new_parser, setting_kinds


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of every sort.

    Attributes:
        size: Whole.
        rate: Any.
        shape: One of three.
        table: By name.
        cache: Or not.
        path: Or none.
    """

    size: int | None = None
    rate: float = 1.0
    shape: Literal["step", "linear", "cosine"] = "step"
    table: dict[str, int] | None = None
    cache: bool = False
    path: Path | None = None


@pytest.mark.parametrize(
    ("flag", "value", "sentence"),
    [
        ("size", "6.5", "group.size is 6.5: give a whole number or null"),
        ("rate", "null", "group.rate is null: give a number"),
        ("shape", "stair", "group.shape is stair: give step, linear or cosine"),
        ("table", "5", "group.table is 5: give a mapping, name: value or null"),
        ("cache", "[1]", "group.cache is [1]: give true or false"),
        ("sise", "5", "there is no setting group.sise (did you mean 'group.size'?)"),
    ],
)
def test_a_misfit_is_what_was_given_and_what_is_allowed(flag: str, value: str, sentence: str) -> None:
    parser: Any = new_parser()
    parser.add_class_arguments(Settings, "group")
    with pytest.raises(jsonargparse.ArgumentError) as refused:
        parser.parse_args([f"--group.{flag}", value])
    assert describe_misfit(refused.value, setting_kinds(parser)) == sentence


def test_whatever_else_is_said_stays() -> None:
    assert (
        describe_misfit(ValueError("the following\n arguments are required"), {})
        == "the following arguments are required"
    )

import pytest

from actionmae.training.engine import EngineConfig


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("accumulate", 0, "engine.accumulate is 0: give at least 1"),
        ("save_every", 0, "engine.save_every is 0"),
        ("threads", 0, "engine.threads is 0: give at least 1, or null"),
        ("seed", -1, "engine.seed is -1: give 0 or more"),
    ],
)
def test_bad_values_are_refused(field: str, value: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        EngineConfig(**{field: value})

import pytest

from actionmae.training.engine import EngineConfig
from helpers.bypass import with_fields


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("accumulate", 0, "engine.accumulate is 0: give at least 1"),
        ("save_every", 0, "engine.save_every is 0"),
        ("threads", 0, "engine.threads is 0: give at least 1, or null"),
        ("strategy", "fsdp", "engine.strategy is 'fsdp': choose ddp, ddp_spawn or ddp_fork"),
        ("precision", "bf16", "engine.precision is 'bf16': choose 32-true, bf16-mixed or 16-mixed"),
        ("seed", -1, "engine.seed is -1: give 0 or more"),
    ],
)
def test_bad_values_are_refused(field: str, value: object, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        with_fields(EngineConfig(), **{field: value}).__post_init__()

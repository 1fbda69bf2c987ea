"""Values that the shape-checking hook of the tests would refuse before the package's own sentence is reached."""

from typing import TypeVar

T = TypeVar("T")


def with_fields(frozen: T, **fields: object) -> T:
    """A frozen dataclass with fields set behind the back of its constructor; `__post_init__` is the caller's to run."""
    for name, value in fields.items():
        object.__setattr__(frozen, name, value)
    return frozen

"""One sentence for a word that is none of the words allowed. No torch here."""

from typing import Any, get_args


def check_choice(name: str, value: str, choices: Any) -> None:
    """Refuse a word that a `Literal` type does not list; a checker sees that earlier, a notebook does not.

    Args:
        name: What the error calls the setting.
        value: Given.
        choices: The `Literal` type.

    Raises:
        ValueError: If `value` is none of the choices.
    """
    allowed = get_args(choices)
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: choose {', '.join(allowed[:-1])} or {allowed[-1]}")

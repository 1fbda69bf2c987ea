"""How a part of the work is named on the command line: i/n."""


def parse_shard(text: str) -> tuple[int, int]:
    """The numbers of "i/n"; whether there is such a part is for those to say who divide.

    Raises:
        ValueError: If it is no such text.
    """
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal()):
        raise ValueError(f"shard is {text!r}: give i/n, as in 3/16")
    return int(part), int(parts)

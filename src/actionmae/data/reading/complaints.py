"""What FFmpeg says of a damaged video, although it goes on and gives frames. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import av


@contextmanager
def ffmpeg_complaints() -> Iterator[list[str]]:
    """Collect the errors that FFmpeg reports while videos are read in the block; of a sound video there are none.

    FFmpeg passes over what it cannot decode and guesses what is missing, so that only its log tells of frames that are
    altered or left out.

    Yields:
        A list, which is filled when the block ends.
    """
    found: list[str] = []
    level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # otherwise a message may come out in the next block
    try:
        with av.logging.Capture(local=False) as log:
            yield found
    finally:
        found += [" ".join(text.split()) for _, _, text in log]
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skip)


def describe_complaints(complaints: list[str]) -> str:
    """At least one complaint in a few words."""
    return f"FFmpeg reports {len(complaints)} errors in it, the first of them: {complaints[0]}"

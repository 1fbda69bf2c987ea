"""All that lies below a folder: what cannot be entered is told, and what links lead to is seen once. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def walk(root: Path, problems: list[str], is_recording: Callable[[str], object] = lambda name: False) -> Iterator[Path]:
    """All files below a folder, and all folders that are recordings themselves, which are not entered.

    Of each folder its recordings come first, then its files, then what is in its other folders, in order of the names.
    Links to folders are followed in the end, so that what can be reached in two ways has its own name.

    Args:
        root: The folder.
        problems: Gets one sentence for each folder that cannot be read.
        is_recording: Whether a folder of this name is a recording.
    """
    tops, seen = [root], set[Path]()
    for top in tops:  # grows
        for name, folders, files in os.walk(top, onerror=lambda error: problems.append(why_left_out(error))):
            folder = Path(name)
            if folder.resolve() in seen:
                folders.clear()
                continue
            seen.add(folder.resolve())
            recordings = sorted(filter(is_recording, folders))
            folders[:] = sorted(set(folders) - set(recordings))
            tops += [folder / each for each in folders if (folder / each).is_symlink()]
            yield from (folder / each for each in (*recordings, *sorted(files)))


def why_left_out(error: OSError | ValueError) -> str:
    """One sentence about what cannot be used; the system's own error does not say what to do."""
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    return f"folder {error.filename} cannot be read ({error.strerror}) and is left out: permit it, or copy it again"

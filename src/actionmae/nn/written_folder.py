"""Folders that appear whole, and in which nothing of somebody else's is replaced. No torch."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from actionmae.core.files import require_writable


def check_place(folder: Path, what: str, is_one: Callable[[Path], bool]) -> Path:
    """Refuse to write a folder where something else is; nothing is touched.

    Args:
        folder: Where it is to be; `.` and links stand for what they lead to.
        what: Its kind, in words.
        is_one: Whether a folder is of this kind, and so may be replaced.

    Returns:
        The real, absolute folder.

    Raises:
        ValueError: If it is a file or holds something else, or nothing can be written there.
    """
    real = Path(os.path.realpath(folder))
    if real.exists() and not (real.is_dir() and (is_one(real) or not any(real.iterdir()))):
        raise ValueError(f"{folder} exists and is no {what}: nothing in it is touched; choose another folder")
    require_writable(real / "config.json")
    return real


@contextmanager
def written_folder(folder: Path) -> Iterator[Path]:
    """Give an unfinished folder to write into; what is in it is in `folder` when the block ends without an error.

    In a folder that exists, files of the same names are replaced and all others stay. An error in the midst of it puts
    the older ones back; a kill leaves them in `older` in the unfinished folder, which lies beside it as NAME.….tmp.

    Args:
        folder: As `check_place` gives it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".tmp", dir=folder.parent))
    new, older = place / "new", place / "older"
    new.mkdir()
    older.mkdir()
    replaced: list[str] = []
    try:
        yield new
        if not folder.exists():
            new.rename(folder)
            return
        names = [path.name for path in new.iterdir()]
        for name in names:
            if (folder / name).exists():
                shutil.copy2(folder / name, older / name)
        for name in names:
            replaced.append(name)
            (new / name).replace(folder / name)
        replaced.clear()
    finally:
        for name in replaced:
            if (older / name).exists():
                (older / name).replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)

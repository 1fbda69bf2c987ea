"""Recordings of one clip whose frames belong together by number. No torch."""

from __future__ import annotations

from actionmae.data.cell import Cell
from actionmae.data.reading.frame_files import IMAGES, TEXTS, frame_number, list_frames


def common_frames(cells: dict[str, Cell]) -> dict[str, Cell]:
    """The same recordings, cut to the frames that all of them have.

    Args:
        cells: By modality, as a manifest names them: a folder, or a folder and a pattern.

    Returns:
        The cells as they are where all have the same frame numbers; otherwise cells that name the common ones.
        Recordings without any file are left out.

    Raises:
        ValueError: If there is no file at all, or the recordings have no frame in common.
    """
    numbers = {}
    for name, cell in cells.items():
        found = {frame_number(file) for file in list_frames(cell, IMAGES + TEXTS)} - {None}
        if found:
            numbers[name] = {number for number in found if number is not None}
    if not numbers:
        raise ValueError(f"{next(iter(cells.values()))} holds no frames: unpack its archive again")
    common = set.intersection(*numbers.values())
    if not common:
        raise ValueError(f"{', '.join(numbers)} of {next(iter(cells.values()))} have no frame number in common")
    return {
        name: cells[name] if found == common else cells[name].with_frames(common) for name, found in numbers.items()
    }

"""Recordings at a glance: RGB, depth in JET and infrared below each other, frames side by side. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.synthetic.render import Recording

_GAP = 2


def sheet(
    recordings: Sequence[Recording], *, columns: int = 8, height: int = 96, near: int = 1000, far: int = 5000
) -> NDArray[np.uint8]:
    """Draw a contact sheet.

    Args:
        recordings: Three rows each: RGB, depth, infrared.
        columns: Frames of each, evenly spaced.
        height: Of one frame on the sheet, pixels.
        near: Millimetres at JET's blue end; no reading is black.
        far: Millimetres at its red end.

    Returns:
        [h, w, 3] uint8 RGB.

    Raises:
        ValueError: If there are no recordings.
    """
    if not recordings:
        raise ValueError("no recording was given: a sheet needs at least one")
    rows = []
    for recording in recordings:
        chosen = np.linspace(0, len(recording.rgb) - 1, columns).round().astype(int)
        infrared = np.repeat(recording.ir[chosen][..., None], 3, axis=-1)
        for frames in (recording.rgb[chosen], np.stack([jet(recording.depth[i], near, far) for i in chosen]), infrared):
            rows.append(np.concatenate([_fit(frame, height) for frame in frames], axis=1))
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])


def jet(depth: NDArray[np.uint16], near: int, far: int) -> NDArray[np.uint8]:
    """[h, w] millimetres as [h, w, 3] RGB colours; 0 (no reading) stays black."""
    share = np.clip((depth.astype(np.float32) - near) / (far - near), 0, 1)
    colored = cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
    return np.where((depth > 0)[..., None], colored, 0).astype(np.uint8)


def _fit(frame: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    resized = cv2.resize(frame, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.pad(np.asarray(resized, dtype=np.uint8), ((_GAP, 0), (_GAP, 0), (0, 0)))

"""Sixteen bits of brightness → eight, the range in which infrared and colour are kept. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def eight_bits(image: NDArray[Any], value_range: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Map brightness onto 0–255.

    Args:
        image: Any shape, uint16; uint8 is returned as it is.
        value_range: (black, white): what lies beyond becomes 0 or 255. None = the upper byte, which is right for
            sensors that use all 16 bits.
    """
    if image.dtype == np.uint8:
        return image
    if value_range is None:
        levels = np.right_shift(image, 8)
    else:
        black, white = value_range
        scaled = (image.astype(np.float32) - black) * (255.0 / (white - black))
        levels = np.clip(np.rint(scaled), 0, 255)
    return np.asarray(levels, dtype=np.uint8)

"""Videos of dependent frames, and the holes that a bad copy leaves in files."""

from pathlib import Path
from typing import Any

import av
import numpy as np


def write_dependent_frames(path: Path, num_frames: int = 30) -> None:
    """Write an MPEG-4 video of moving noise, 96 × 64 pixels, 30 frames a second."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (64, 96 + num_frames, 3)).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=30, options={"b": "4M"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for at in range(num_frames):
            image = np.ascontiguousarray(scene[:, at : at + 96])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def punch_hole(path: Path, size: int) -> bytes:
    """Overwrite the middle of a file with zeros; returns what the file held before."""
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(size) + content[middle + size :])
    return content

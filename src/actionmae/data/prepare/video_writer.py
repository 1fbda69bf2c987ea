"""Writes standard video files frame by frame, each frame decodable alone; a file is whole or absent. No torch.

| value | file | why |
| --- | --- | --- |
| color, gray | `.avi` or `.mkv`, MJPEG | any player opens it; every frame decodes alone |
| flow | the same at full chroma resolution | u and v live in red and green |
| depth | `.avi`, 16-bit PNG | lossless; decodes about four times as fast as FFV1 where depth has noise |
| depth | `.mkv`, 16-bit FFV1 | lossless; about a quarter smaller |

Shapes: n frames, h w pixels.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import Value

_JPEG_QUALITY = {"qmin": "2", "qmax": "3"}
# One frame per group and no state between frames, so that any frame decodes alone; with checksums.
_FFV1 = {"level": "3", "g": "1", "slicecrc": "1"}
_PNG_LEVEL = "3"
_MASKED_FROM = 0.5  # the fraction of "no reading" from which depth counts as masked
_SOURCES = {"color": "rgb24", "gray": "gray", "flow": "rgb24", "depth": "gray16le"}


class VideoWriter:
    """A video being written beside its final name; leaving the `with` block renames it into place.

    After an exception, in the block or at its end, nothing is left.

    Args:
        path: `.avi` or `.mkv`.
        value: What the frames mean: color [h, w, 3] uint8 RGB, gray [h, w] uint8, flow [h, w, 3] uint8 (u, v, 128),
            depth [h, w] uint16.
        fps: Frames per second.
    """

    def __init__(self, path: Path, value: Value, fps: float) -> None:
        self._path = path
        self._value = value
        self._fps = Fraction(fps).limit_denominator(1001)
        self._unfinished = path.with_name(path.name + ".tmp")
        self._stream: Any = None

    def __enter__(self) -> VideoWriter:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(
            str(self._unfinished), "w", format="avi" if self._path.suffix == ".avi" else "matroska"
        )
        return self

    def write(self, frame: NDArray[Any]) -> None:
        """Append one frame; all must have one size.

        Raises:
            ValueError: If its size differs from the first one's.
        """
        if self._stream is None:
            self._stream = self._add_stream(frame)
        if frame.shape[:2] != (self._stream.height, self._stream.width):
            size = (self._stream.height, self._stream.width)
            raise ValueError(f"a frame for {self._path} has size {frame.shape[:2]}, the first {size}: give one size")
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=_SOURCES[self._value])
        self._container.mux(self._stream.encode(image))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if kind is None:
                self._unfinished.replace(self._path)
        finally:
            self._unfinished.unlink(missing_ok=True)

    def _add_stream(self, frame: NDArray[Any]) -> Any:
        codec, pix_fmt, options = "mjpeg", "yuvj444p" if self._value == "flow" else "yuvj420p", _JPEG_QUALITY
        if self._value == "depth":
            avi = self._path.suffix == ".avi"
            codec, pix_fmt, options = ("png", "gray16be", _png_options(frame)) if avi else ("ffv1", "gray16le", _FFV1)
        stream: Any = self._container.add_stream(codec, rate=self._fps, options=options)
        stream.height, stream.width, stream.pix_fmt = *frame.shape[:2], pix_fmt
        stream.codec_context.thread_count = 1  # several files are written by several processes, not by threads
        return stream


def _png_options(frame: NDArray[Any]) -> dict[str, str]:
    """How PNG predicts pixels: from above where there is a surface; masked depth is smaller and faster without."""
    masked = np.count_nonzero(frame) < (1 - _MASKED_FROM) * frame.size
    return {"pred": "none" if masked else "up", "compression_level": _PNG_LEVEL}


def write_color_video(path: Path, frames: NDArray[Any], fps: float) -> None:
    """Write [n, h, w, 3] uint8 RGB as MJPEG: every frame is a key frame and any player opens it.

    Args:
        path: `.avi` or `.mkv`; written beside under a `.tmp` name and renamed, so it is whole or absent.
        frames: [n, h, w, 3] uint8, n at least 1.
        fps: Frames per second.

    Raises:
        ValueError: If the frames have another shape or type.
    """
    _check_frames(path, frames, np.uint8, (3,))
    _write(path, frames, fps, "color")


def write_gray_video(path: Path, frames: NDArray[Any], fps: float) -> None:
    """Write [n, h, w] uint8 gray (infrared) as MJPEG; otherwise as `write_color_video`.

    Raises:
        ValueError: If the frames have another shape or type.
    """
    _check_frames(path, frames, np.uint8, ())
    _write(path, frames, fps, "gray")


def write_depth_video(path: Path, frames: NDArray[Any], fps: float) -> None:
    """Write [n, h, w] uint16 millimetres losslessly: `.avi` as 16-bit PNG, `.mkv` as FFV1.

    Raises:
        ValueError: If the frames have another shape or type.
    """
    _check_frames(path, frames, np.uint16, ())
    _write(path, frames, fps, "depth")


def _check_frames(path: Path, frames: NDArray[Any], dtype: type, channels: tuple[int, ...]) -> None:
    if frames.ndim != 3 + len(channels) or frames.shape[3:] != channels or frames.dtype != dtype or len(frames) == 0:
        wanted = ", ".join(["n, h, w", *map(str, channels)])
        raise ValueError(
            f"frames for {path} are {frames.dtype} {frames.shape}: give {np.dtype(dtype)} [{wanted}] with n at least 1"
        )


def _write(path: Path, frames: NDArray[Any], fps: float, value: Value) -> None:
    with VideoWriter(path, value, fps) as writer:
        for frame in frames:
            writer.write(frame)

"""The frames of video files: through FFmpeg, or directly where each frame is an image of its own. No torch.

Shapes: n frames, h w pixels, c channels.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.codec import Capabilities
from numpy.typing import NDArray

from actionmae.core.modality import Value
from actionmae.data.reading.avi_frames import find_frames
from actionmae.data.reading.image_file import MOST_PIXELS
from actionmae.data.reading.levels import eight_bits
from actionmae.data.reading.video_packets import Packets, packets_from, scan
from actionmae.data.regular_file import require_regular

logger = logging.getLogger(__name__)

Frame = NDArray[Any]
"""One image [h, w, c], uint8 or uint16."""

_FORMATS = {"color": "rgb24", "gray": "gray", "flow": "rgb24", "depth": "gray16le"}
# Containers that hold their frames themselves. A playlist (ffconcat, m3u8, mpd, sdp …) names other files.
_CONTAINERS = {
    "format_whitelist": "avi,mov,mp4,matroska,webm,mpeg,mpegts,mpegvideo,mjpeg,m4v,h264,hevc,ivf,obu,ogg,asf,flv,dv,"
    "mxf,nut,rm,wtv,gif,apng,yuv4mpegpipe",
    "protocol_whitelist": "file",
}
_LIMITS = {"max_pixels": str(MOST_PIXELS)}


class VideoReader:
    """The frames of one video file.

    Frames are counted, as headers are often wrong: the entries of the index where each frame is an image of its own
    (see `avi_frames`), otherwise the packets, which are all read, but not decoded, when the file is opened.

    Args:
        path: The file.
        value: What the frames mean: color [n, h, w, 3] and gray [n, h, w, 1] uint8, flow [n, h, w, 2] uint8 (the red
            and green channels), depth [n, h, w, 1] uint16 (needs a 16-bit gray video: PNG in AVI, FFV1 in Matroska).
        value_range: (black, white) of 16-bit gray; see `levels.eight_bits`.

    Attributes:
        num_frames: Frames in the file, at least 1.
        fps: Frames per second, on average if the file names none or the frames are uneven; None if it does not say when
            they were, either.
        moments: [num_frames] seconds from the first frame to each where they are uneven, as telephones, webcams and
            browsers leave frames out; None = evenly spaced.
        size: Height and width in pixels, as stored; a video with a rotation mark gives rotated frames.
        direct: True where any frame is read alone, without reading the others.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video, has no frames, is cut off, or is not 16-bit gray although `value` is depth.
    """

    moments: NDArray[np.float64] | None = None
    times: NDArray[np.float64] | None = None  # the cell's: see `readers.ChosenFrames`
    window: tuple[float, float] | None = None

    def __init__(self, path: Path, value: Value, value_range: tuple[float, float] | None = None) -> None:
        require_regular(path)
        self._path = path
        self._value = value
        self._value_range = value_range if value == "gray" else None
        self._images = find_frames(path, value)
        self.direct = self._images is not None
        self._packets: Packets | None = None
        if self._images is not None:
            self.fps: float | None = self._images.fps
            self.num_frames, self.size = len(self._images.places), self._images.size
            return
        with self._open() as container:
            stream = container.streams.video[0]
            self.fps = float(stream.average_rate) if stream.average_rate else None
            pix_fmt = stream.codec_context.pix_fmt
            self.size = (stream.codec_context.height, stream.codec_context.width)
            if value == "depth" and not str(pix_fmt).startswith("gray16"):
                raise ValueError(
                    f"depth video {path} has pixels of form {pix_fmt}: depth needs millimetres in a 16-bit gray video "
                    "(FFV1 gray16le) or in 16-bit PNG images; if it has only 8 bits, say {name: depth, value: gray}"
                )
            try:
                self._packets = scan(container, stream, path)
            except av.FFmpegError as error:
                reason = error.strerror or error
                raise ValueError(f"video {path} cannot be read ({reason}): copy or convert it again") from error
        self.num_frames, self.moments = self._packets.num_frames, self._packets.uneven_seconds()
        if self.fps is None or self.moments is not None:
            self.fps = self._packets.mean_fps

    def images(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[Frame]:
        """See `readers.FrameReader.images`.

        Where every frame is a key frame only the wanted ones are decoded, otherwise all from a key frame before the
        first wanted one (see `video_packets`), or from the beginning, to the last.

        Raises:
            ValueError: If a frame cannot be decoded; names the file and the frame.
        """
        times = Counter(map(int, indices))
        wanted, done = list(times), 0
        for index, pixels in zip(wanted, self._images_at(wanted), strict=False):
            yield from repeat(pixels, times[index])
            done += 1
        if done < len(wanted):
            raise ValueError(self._broken(wanted[done]))

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> Frame:
        """See `readers.FrameReader.read`.

        Raises:
            ValueError: As `images`, and if the frames differ in size.
        """
        images = list(self.images(indices))
        if len({image.shape for image in images}) > 1:
            raise ValueError(f"video {self._path} has frames that differ in size: convert it to one size")
        return np.stack(images)

    def _images_at(self, wanted: list[int]) -> Iterator[Frame]:
        """The wanted frames in order; stops or raises where the file is broken."""
        done = 0
        if self._images is not None:
            for pixels in self._images.read(wanted):
                done += 1
                yield pixels
        if done < len(wanted):
            yield from map(self._pixels, self._decode(wanted[done:]))

    def _open(self) -> av.container.InputContainer:
        try:
            # A title need not be UTF-8. An absolute path is no address of a protocol, whatever it begins with.
            name = str(self._path.absolute())
            container = av.open(name, metadata_errors="ignore", options=_LIMITS, container_options=_CONTAINERS)
        except (av.FFmpegError, OSError) as error:
            reason = error.strerror or error
            raise ValueError(f"{self._path} cannot be opened as a video ({reason}): convert or remove it") from error
        if not container.streams.video:
            container.close()
            raise ValueError(f"{self._path} holds no video stream: give a video file")
        if container.streams.video[0].codec_context is None:
            container.close()
            raise ValueError(f"{self._path} is coded in a way that FFmpeg does not know: convert it")
        container.streams.video[0].codec_context.options = _LIMITS
        return container

    def _decode(self, wanted: list[int]) -> Iterator[av.VideoFrame]:
        """The wanted frames in order; stops or raises where the file is broken."""
        done, start = 0, 0 if self._packets is None else self._packets.start_before(wanted[0])
        for begin in (start, 0) if start else (0,):  # what is not found by its time is read from the beginning
            with self._open() as container:
                for frame in self._decode_from(container, begin, wanted[done:]):
                    done += 1
                    yield frame
            if done == len(wanted):
                return

    def _decode_from(
        self, container: av.container.InputContainer, begin: int, wanted: list[int]
    ) -> Iterator[av.VideoFrame]:
        packets = self._packets
        delay = container.streams.video[0].codec_context.codec.capabilities & Capabilities.delay
        if (packets is None or packets.keys.all()) and not delay:
            return self._decode_keys(container, begin, wanted)
        if packets is None or not begin:
            return self._decode_all(container, wanted)
        return _decode_since(container, packets, begin, wanted)

    def _decode_all(self, container: av.container.InputContainer, wanted: list[int]) -> Iterator[av.VideoFrame]:
        """Frames depend on earlier ones: decode everything up to the last wanted frame."""
        keep, index = set(wanted), -1
        try:
            for index, frame in enumerate(container.decode(video=0)):
                if index in keep:
                    yield frame
                if index >= wanted[-1]:
                    return
        except av.FFmpegError as error:
            raise ValueError(self._broken(index + 1)) from error

    def _decode_keys(
        self, container: av.container.InputContainer, begin: int, wanted: list[int]
    ) -> Iterator[av.VideoFrame]:
        """Every packet is one key frame: decode only the wanted packets."""
        keep, index = set(wanted), -1
        packets = container.demux(container.streams.video[0])
        if begin and self._packets is not None:
            packets, index = packets_from(container, self._packets, begin), wanted[0] - 1
        for packet in packets:
            if not packet.size or packet.is_discard:
                continue
            index += 1
            if index not in keep:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                raise ValueError(self._broken(index)) from error
            if not frames:
                raise ValueError(self._broken(index))
            yield frames[0]
            if index == wanted[-1]:
                return

    def _pixels(self, frame: av.VideoFrame) -> Frame:
        ranged = self._value_range is not None and frame.format.name.startswith("gray16")
        image: Frame = frame.to_ndarray(format="gray16le" if ranged else _FORMATS[self._value])
        if ranged:
            image = eight_bits(image, self._value_range)
        if turns := round(frame.rotation / 90):  # phones held upright store landscape images with a rotation mark
            image = np.ascontiguousarray(np.rot90(image, turns))
        if image.ndim == 2:
            return image[:, :, None]
        return image[:, :, :2] if self._value == "flow" else image

    def _broken(self, index: int) -> str:
        return f"video {self._path} cannot be decoded at frame {index}: copy or convert it again"


def _decode_since(
    container: av.container.InputContainer, packets: Packets, begin: int, wanted: list[int]
) -> Iterator[av.VideoFrame]:
    """Frames depend on earlier ones back to a key frame; stops at one that does not come at its time."""
    moments, done = packets.in_order[wanted].tolist(), 0
    try:
        for packet in packets_from(container, packets, begin):
            for frame in packet.decode():
                if frame.pts is None or frame.pts > moments[done]:
                    return
                if frame.pts == moments[done]:
                    yield frame
                    done += 1
                if done == len(moments):
                    return
    except av.FFmpegError:
        return

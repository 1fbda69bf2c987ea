"""What the packets of a video say before one is decoded: how many frames, when each is shown, where to begin. No torch.

Shapes: p packets, in the order of the file; n frames, in the order in which they are shown.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import dropwhile
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

# A header may be wrong by a frame or two; a file with less than this fraction of what it claims was cut off.
_TRUNCATED_BELOW = 0.9
# Containers that find a packet by its time, and decoders to which every packet is one frame.
_INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_ONE_EACH = ("h264", "hevc", "mpeg4", "mpeg2video", "vp9", "libdav1d")
# In MP4 and Matroska each unit of a packet follows its length; where the header says of how many bytes that is.
_LENGTH_AT = {"h264": 4, "hevc": 21}
_MOST_HELD_BACK = 16  # frames that a decoder may hold back to give them in order
# Frames are uneven if one is further from where even ones would be than a step, and than times are rounded.
_STEPS, _TICKS = 1.0, 2.0


@dataclass(frozen=True, kw_only=True)
class Packets:
    """The packets of one file that hold data.

    Attributes:
        shown: [p] bool, False = it only helps to decode others: it is before or behind what a trimmed file shows.
        keys: [p] bool, True = a key frame.
        starts: [p] bool, True = from this key frame on all that is shown later decodes as if from the beginning; none
            where that is not certain.
        moments: [p] ticks when its frame is shown; empty = the file does not say it of every frame.
        places: [p] ticks by which the container finds it.
        tick: Seconds.
    """

    shown: NDArray[np.bool_]
    keys: NDArray[np.bool_]
    starts: NDArray[np.bool_]
    moments: NDArray[np.int64]
    places: NDArray[np.int64]
    tick: float

    @property
    def num_frames(self) -> int:
        """Frames that are shown."""
        return int(self.shown.sum())

    @cached_property
    def in_order(self) -> NDArray[np.int64]:
        """[n] ticks when the frames are shown; empty = unknown."""
        return np.sort(self.moments[self.shown]) if len(self.moments) else self.moments

    @property
    def mean_fps(self) -> float | None:
        """Frames per second from the first frame to the last; None = unknown."""
        if len(self.in_order) < 2:
            return None
        return (len(self.in_order) - 1) / (float(self.in_order[-1] - self.in_order[0]) * self.tick)

    def uneven_seconds(self) -> NDArray[np.float64] | None:
        """[n] seconds from the first frame to each; None = they are evenly spaced, as far as the file says."""
        if len(self.in_order) < 3:
            return None
        ticks = self.in_order - self.in_order[0]
        even = np.linspace(0, ticks[-1], len(ticks))
        far = np.abs(ticks - even).max() > max(_STEPS * even[1], _TICKS)
        return ticks * self.tick if far else None

    def start_before(self, frame: int) -> int:
        """Number of the packet from which on a frame can be decoded; 0 = from the beginning."""
        if not self.starts.any():
            return 0
        return int(np.flatnonzero(self.starts & (self.moments <= self.in_order[frame]))[-1])


def packets_from(container: Any, packets: Packets, begin: int) -> Iterator[Any]:
    """The packets of a file from this number on, which is one of `starts`; none where it is not found by its time."""
    stream = container.streams.video[0]
    try:
        container.seek(int(packets.places[begin]), stream=stream)
    except av.FFmpegError:
        return iter(())
    return dropwhile(lambda packet: packet.pts != packets.moments[begin], container.demux(stream))


def scan(container: av.container.InputContainer, stream: Any, path: Path) -> Packets:
    """Read all packets, and refuse a file that stops long before its header says.

    Args:
        container: An opened file.
        stream: Its stream of images.
        path: The file, for messages.

    Raises:
        ValueError: If it has no frames, or is cut off.
    """
    shown, keys, starts, corrupt, timed, end = bytearray(), bytearray(), bytearray(), False, True, 0
    moments, places = array("q"), array("q")
    for packet in container.demux(stream):
        if not packet.size:
            continue
        shown.append(not packet.is_discard)
        keys.append(packet.is_keyframe)
        starts.append(packet.is_keyframe and _is_start(packet, stream.codec_context))
        timed &= packet.pts is not None
        moments.append(packet.pts or 0)
        places.append(moments[-1] if packet.dts is None else min(packet.dts, moments[-1]))
        end = max(end, moments[-1] + (packet.duration or 0))
        corrupt |= packet.is_corrupt
    ticks = _trusted(np.array(moments if timed else (), np.int64))
    certain = stream.container.format.name in _INDEXED and any(starts[:1]) and _numbers_agree(stream, keys, ticks)
    packets = Packets(
        shown=np.array(shown, np.bool_),
        keys=np.array(keys, np.bool_),
        starts=np.array(starts, np.bool_) & certain,
        moments=ticks,
        places=np.array(places, np.int64),
        tick=float(stream.time_base),
    )
    if packets.num_frames == 0:
        raise ValueError(f"video {path} has no frames: record or convert it again")
    if corrupt or _stops_early(container, stream, len(shown), end):
        raise ValueError(f"video {path} is cut off after frame {packets.num_frames - 1}: copy or convert it again")
    return packets


def _trusted(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    """The times, or none: two frames of one time, or far from their place in the file, say that times began anew."""
    order = np.argsort(ticks, kind="stable")
    far = np.abs(order - np.arange(len(order))) > _MOST_HELD_BACK
    return ticks if (np.diff(ticks[order]) > 0).all() and not far.any() else ticks[:0]


def _numbers_agree(stream: Any, keys: bytearray, ticks: NDArray[np.int64]) -> bool:
    """Whether the k-th frame that comes when all are decoded is the k-th by its time."""
    if not len(ticks) or ticks[0] > ticks.min():  # what is shown before the first key frame, some decoders leave out
        return False
    return bool((np.diff(ticks) > 0).all()) if all(keys) else stream.codec_context.name in _ONE_EACH


def _is_start(packet: Any, codec: Any) -> bool:
    """Whether a key frame resets the decoder: in H.264 a picture that is refreshed in parts may be called one, too."""
    if codec.name not in _LENGTH_AT:
        return True
    head, place = bytes(codec.extradata or b""), _LENGTH_AT[codec.name]
    if head[:1] != b"\x01" or len(head) <= place:
        return False
    data, at, size = bytes(packet), 0, 1 + (head[place] & 3)
    while at + size < len(data):
        kind = data[at + size]
        if kind & 31 == 5 if codec.name == "h264" else 16 <= kind >> 1 & 63 <= 21:  # IDR; in HEVC also CRA and BLA
            return True
        at += size + int.from_bytes(data[at : at + size], "big")
    return False


def _stops_early(container: av.container.InputContainer, stream: Any, count: int, end: int) -> bool:
    """Whether a file has much less than it claims: frames, or seconds where only they are known (Matroska)."""
    if not stream.frames:
        claimed = container.duration / av.time_base if len(container.streams) == 1 and container.duration else 0.0
        return end * float(stream.time_base) < _TRUNCATED_BELOW * claimed
    # What was trimmed away is counted as frames, but takes no time.
    trimmed = stream.duration and end - max(stream.start_time or 0, 0) >= _TRUNCATED_BELOW * stream.duration
    return count < _TRUNCATED_BELOW * stream.frames and not trimmed

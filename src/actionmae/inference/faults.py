"""Sensors that do not fail cleanly: a recording → the same recording, degraded, at five severities. No torch.

Shapes: n frames or samples, h w pixels, c stored channel, P person, J joint, C channel.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionmae.core.modality import ModalitySpec
from actionmae.core.seeds import numpy_generator
from actionmae.data.reading.readers import FrameReader, Indices

_Array = NDArray[Any]
_Indices = NDArray[np.int64]
_SPANS = (0.2, 0.4, 0.6, 0.8, 1.0)
_HOLE = 8
"""Pixels of a hole's side."""


@dataclass(frozen=True, kw_only=True)
class Degraded:
    """A recording, and what is done to it.

    Attributes:
        reader: The recording.
        spec: Its modality.
        level: How much, in the fault's own unit.
        key: What the random draws are for, see `core.seeds`.
    """

    reader: FrameReader
    spec: ModalitySpec
    level: float
    key: tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to fail.

    Attributes:
        name: Of it.
        unit: What the levels are, with {} for the number.
        levels: Of severities 1–5, by value of the modality ("" = all others); a value without levels cannot fail so.
        apply: The degraded recording; None where it cannot be made (a shift in time without frames per second).
    """

    name: str
    unit: str
    levels: dict[str, tuple[float, ...]]
    apply: Callable[[Degraded], FrameReader | None]

    def levels_for(self, spec: ModalitySpec) -> tuple[float, ...]:
        """Five levels, or none."""
        return self.levels.get(_sort(spec), self.levels.get("", ()))


def _sort(spec: ModalitySpec) -> str:
    return str(spec.value) if spec.kind == "frames" else str(spec.kind)


class _Changed:
    """A `FrameReader` whose frames are others, or elsewhere."""

    def __init__(
        self,
        reader: FrameReader,
        *,
        place: Callable[[_Indices], _Indices] | None = None,
        change: Callable[[_Array, _Indices], _Array] | None = None,
    ) -> None:
        self.num_frames, self.fps = reader.num_frames, reader.fps
        self.times, self.window = reader.times, reader.window
        self._reader, self._place, self._change = reader, place, change

    def read(self, indices: Indices) -> _Array:
        """See `FrameReader.read`."""
        wanted = np.asarray(indices, dtype=np.int64)
        found = self._reader.read(wanted if self._place is None else self._place(wanted))
        return found if self._change is None else self._change(found, wanted)

    def images(self, indices: Indices) -> Iterator[_Array]:
        """See `FrameReader.images`."""
        wanted = np.asarray(indices, dtype=np.int64)
        images = self._reader.images(wanted if self._place is None else self._place(wanted))
        for image, index in zip(images, wanted, strict=True):
            yield image if self._change is None else self._change(image[None], np.array([index]))[0]


def _first_lost(what: Degraded) -> int:
    """Where the last part of the recording begins, a fraction `level` of it."""
    return round(what.reader.num_frames * (1 - what.level))


def _dark(what: Degraded) -> FrameReader:
    lost = _first_lost(what)
    return _Changed(
        what.reader, change=lambda found, at: np.where(_over(at >= lost, found), 0, found).astype(found.dtype)
    )


def _over(rows: NDArray[np.bool_], like: _Array) -> NDArray[np.bool_]:
    return rows.reshape(-1, *[1] * (like.ndim - 1))


def _frozen(what: Degraded) -> FrameReader:
    last = _first_lost(what)
    return _Changed(what.reader, place=lambda at: np.minimum(at, last))


def _slow(what: Degraded) -> FrameReader:
    step = int(what.level)
    return _Changed(what.reader, place=lambda at: at // step * step)


def _late(what: Degraded) -> FrameReader | None:
    fps = what.reader.fps or what.spec.fps
    if not fps:
        return None
    frames = round(what.level * fps)
    return _Changed(what.reader, place=lambda at: np.maximum(at - frames, 0))


def _noisy(what: Degraded) -> FrameReader:
    scale: Any = what.level
    if what.spec.kind in ("signal", "features"):
        scale = what.level * what.reader.read(np.arange(what.reader.num_frames)).std(axis=0)

    def change(found: _Array, at: _Indices) -> _Array:
        noise = [numpy_generator(*what.key, index).normal(size=found.shape[1:]) for index in at.tolist()]
        return _as(found.dtype, found + scale * np.stack(noise))

    return _Changed(what.reader, change=change)


def _as(dtype: np.dtype[Any], values: _Array) -> _Array:
    """Rounded and cut to what the sensor can say."""
    if dtype.kind != "u":
        return values.astype(dtype)
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)


def _scaled(what: Degraded) -> FrameReader:
    return _Changed(what.reader, change=lambda found, _: _as(found.dtype, found * np.float64(what.level)))


def _blurred(what: Degraded) -> FrameReader:
    def change(found: _Array, _: _Indices) -> _Array:
        sigma = what.level * found.shape[2]
        return np.stack([cv2.GaussianBlur(image, (0, 0), sigma).reshape(image.shape) for image in found])

    return _Changed(what.reader, change=change)


def _covered(what: Degraded) -> FrameReader:
    side = np.sqrt(what.level)
    corner = numpy_generator(*what.key).random(2) * (1 - side)

    def change(found: _Array, _: _Indices) -> _Array:
        top, left = (corner * found.shape[1:3]).astype(int)
        height, width = np.ceil(side * np.array(found.shape[1:3])).astype(int)
        found = found.copy()
        found[:, top : top + height, left : left + width] = 0
        return found

    return _Changed(what.reader, change=change)


def _holey(what: Degraded) -> FrameReader:
    def change(found: _Array, at: _Indices) -> _Array:
        rows, columns = (np.arange(size) // _HOLE for size in found.shape[1:3])
        draws = [numpy_generator(*what.key, index).random((rows[-1] + 1, columns[-1] + 1)) for index in at.tolist()]
        holes = np.stack([draw[np.ix_(rows, columns)] < what.level for draw in draws])
        return np.where(holes[..., None], 0, found).astype(found.dtype)

    return _Changed(what.reader, change=change)


def _saturated(what: Degraded) -> FrameReader:
    peak = what.level * np.abs(what.reader.read(np.arange(what.reader.num_frames))).max(axis=0)
    return _Changed(what.reader, change=lambda found, _: np.clip(found, -peak, peak).astype(found.dtype))


_EIGHT_BITS = ("color", "gray", "flow")
_GAINS = (1.5, 2.0, 3.0, 5.0, 10.0)
_UNITS = (3.28, 9.81, 57.3, 100.0, 1000.0)  # feet, g as m/s², radians as degrees, cm, mm
_AREAS = (0.1, 0.25, 0.4, 0.6, 0.8)
_SIGMAS = (0.005, 0.01, 0.02, 0.04, 0.08)
_GRAINS = tuple(255 * sigma for sigma in (0.08, 0.12, 0.18, 0.26, 0.38))  # as in ImageNet-C (Hendrycks 2019)
_IMAGES = (*_EIGHT_BITS, "depth")

FAULTS = (
    Fault(name="black", unit="last {:.0%}", levels=dict.fromkeys(_IMAGES, _SPANS), apply=_dark),
    Fault(name="flat", unit="last {:.0%}", levels=dict.fromkeys(("signal", "features"), _SPANS), apply=_dark),
    Fault(name="frozen", unit="last {:.0%}", levels={"": _SPANS}, apply=_frozen),
    Fault(
        name="noise",
        unit="σ {:g}",
        levels=dict.fromkeys(_EIGHT_BITS, _GRAINS)
        | {
            "depth": (20.0, 50.0, 100.0, 200.0, 400.0),
            "joints": (0.02, 0.05, 0.1, 0.2, 0.4),
            "": (0.25, 0.5, 1.0, 2.0, 4.0),
        },
        apply=_noisy,
    ),
    Fault(name="over_exposure", unit="× {:g}", levels=dict.fromkeys(("color", "gray"), _GAINS), apply=_scaled),
    Fault(name="blur", unit="σ {:.1%} of width", levels=dict.fromkeys(_IMAGES, _SIGMAS), apply=_blurred),
    Fault(name="occlusion", unit="{:.0%} of area", levels=dict.fromkeys(_IMAGES, _AREAS), apply=_covered),
    Fault(name="holes", unit="{:.0%} of pixels", levels={"depth": (0.1, 0.3, 0.5, 0.7, 0.9)}, apply=_holey),
    Fault(name="saturated", unit="at {:.0%} of peak", levels={"signal": (0.8, 0.6, 0.4, 0.2, 0.1)}, apply=_saturated),
    Fault(
        name="wrong_units",
        unit="× {:g}",
        levels={"depth": (0.25, 4.0, 0.1, 10.0, 0.001), "joints": _UNITS, "signal": _UNITS, "features": _UNITS},
        apply=_scaled,
    ),
    Fault(name="low_fps", unit="1/{:g}", levels={"": (2.0, 4.0, 8.0, 16.0, 32.0)}, apply=_slow),
    Fault(name="shift", unit="{:g} s late", levels={"": (0.1, 0.25, 0.5, 0.75, 1.0)}, apply=_late),
)
"""All faults; which of them a modality can have, its value says."""

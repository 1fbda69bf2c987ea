"""The last seconds of one live sensor: frames in the order of their stamps, bounded in time and number. No torch."""

import math
from bisect import bisect_left, insort
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RESTART_AFTER = 8
"""So many frames in a row that are older than everything kept: the sensor's clock has started anew."""

_DELAYS = 64
"""Of so many frames the shortest delay tells how a sensor's clock stands to the caller's."""


class SensorBuffer:
    """What a sensor has given, by stamp.

    Args:
        seconds: How long a frame is kept.
        capacity: How many are kept at most; the oldest go first.

    Attributes:
        late: Frames that came after everything of their time was dropped; they were not kept.
        duplicates: Frames with a stamp that was there already; they were not kept.
        out_of_order: Frames that came after a later one; they were put into their place.
        restarts: How often the sensor's clock has jumped back for good.
    """

    def __init__(self, *, seconds: float, capacity: int) -> None:
        self.late = self.duplicates = self.out_of_order = self.restarts = 0
        self._seconds, self._capacity = seconds, capacity
        self._stamps: list[float] = []
        self._items: dict[float, Any] = {}
        self._late_in_a_row = 0

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def stamps(self) -> NDArray[np.float64]:
        """[n] seconds, ascending."""
        return np.array(self._stamps, dtype=np.float64)

    def items(self, indices: NDArray[np.int64]) -> list[Any]:
        """What was kept at these places."""
        return [self._items[self._stamps[index]] for index in indices.tolist()]

    def accepts(self, stamp: float) -> bool:
        """Whether a frame of this stamp is wanted; counts it if not."""
        if stamp in self._items:
            self.duplicates += 1
            return False
        if self._stamps and stamp < self._stamps[-1] - self._seconds:
            self.late += 1
            self._late_in_a_row += 1
            if self._late_in_a_row < _RESTART_AFTER:
                return False
            self.restarts += 1
            self._stamps.clear()
            self._items.clear()
        self._late_in_a_row = 0
        return True

    def add(self, stamp: float, item: Any) -> None:
        """Keep a frame that was accepted."""
        self.out_of_order += bool(self._stamps and stamp < self._stamps[-1])
        insort(self._stamps, stamp)
        self._items[stamp] = item
        first_kept = bisect_left(self._stamps, self._stamps[-1] - self._seconds)
        first_kept = max(first_kept, len(self._stamps) - self._capacity)
        for old in self._stamps[:first_kept]:
            del self._items[old]
        del self._stamps[:first_kept]

    def drop_before(self, moment: float) -> None:
        """Forget what is older: a sensor that is gone keeps nothing for ever."""
        first_kept = bisect_left(self._stamps, moment)
        for old in self._stamps[:first_kept]:
            del self._items[old]
        del self._stamps[:first_kept]


class SensorClock:
    """A sensor's own clock → the caller's, by the shortest of the last delays; what the two drift apart is reported.

    Attributes:
        offset: Seconds to add to a stamp; 0 until an arrival is known.
        drift: Seconds by which the offset has changed since the first `_DELAYS` frames.
    """

    def __init__(self) -> None:
        self.offset = self.drift = 0.0
        self._delays: deque[float] = deque(maxlen=_DELAYS)
        self._first: float | None = None

    def to_caller(self, stamp: float, arrived: float | None) -> float:
        """The stamp on the caller's clock.

        Args:
            stamp: Seconds on the sensor's clock.
            arrived: When the frame came, on the caller's clock; None = the stamp is on it already.

        Raises:
            ValueError: If a time is not finite.
        """
        for what, value in (("timestamp", stamp), ("arrived", arrived)):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{what} is {value}: give seconds")
        if arrived is None:
            return stamp
        self._delays.append(arrived - stamp)
        self.offset = min(self._delays)
        if self._first is None or len(self._delays) < _DELAYS:
            self._first = self.offset
        self.drift = self.offset - self._first
        return stamp + self.offset

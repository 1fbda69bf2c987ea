"""Means over an epoch without waiting for the device after every step."""

from collections.abc import Mapping

import torch
from torch import Tensor


class Meter:
    """Sums named scalars where they are; the mean over all clips is fetched once per epoch.

    Attributes:
        last: What `means` returned last.
    """

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything but the last means."""
        self._sums: dict[str, Tensor] = {}
        self._clips = 0

    def update(self, values: Mapping[str, Tensor], *, clips: int) -> None:
        """Add one step's scalars, each a mean over that step's clips."""
        for name, value in values.items():
            value = clips * value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._clips += clips

    def means(self) -> dict[str, float]:
        """Mean of each name over the clips, over all processes if there are several.

        Every process has to call this, and all processes must have had the same names.
        """
        if not self._sums:
            return {}
        sums = torch.stack(list(self._sums.values()))
        sums = torch.cat([sums, sums.new_tensor([self._clips])])
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(sums)
        self.last = dict(zip(self._sums, (sums[:-1] / sums[-1]).tolist(), strict=True))
        return self.last

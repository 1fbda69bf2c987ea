"""Means over an epoch without waiting for the device after every step."""

from collections.abc import Mapping

import torch
from torch import Tensor


class Meter:
    """Sums named scalars where they are; the mean over all clips is fetched once per epoch.

    A scalar that some steps do not have, such as the error of a modality that a whole batch lacks, is averaged over the
    clips of the steps that do.

    Attributes:
        last: What `means` returned last.
    """

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything but the last means."""
        self._sums: dict[str, Tensor] = {}
        self._clips: dict[str, int] = {}

    def update(self, values: Mapping[str, Tensor], *, clips: int) -> None:
        """Add one step's scalars, each a mean over that step's clips."""
        for name, value in values.items():
            value = clips * value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._clips[name] = self._clips.get(name, 0) + clips

    def means(self) -> dict[str, float]:
        """Mean of each name over the clips; of several processes each has to call this, and gets that over all."""
        sums = torch.stack(list(self._sums.values())).tolist() if self._sums else []
        own = {name: (total, self._clips[name]) for name, total in zip(self._sums, sums, strict=True)}
        found = [own]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            found = [own] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(found, own)
        if not any(found):
            return {}
        names = dict.fromkeys(name for each in found for name in each)
        parts = {name: [each[name] for each in found if name in each] for name in names}
        self.last = {name: sum(total for total, _ in part) / sum(n for _, n in part) for name, part in parts.items()}
        return self.last

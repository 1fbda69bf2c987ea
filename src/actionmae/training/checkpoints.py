"""Checkpoints on disk: written beside their target and renamed, checked when they are read."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor

from actionmae.core.files import atomic_write

_NEEDED = ("state_dict", "loops", "optimizer_states", "pytorch-lightning_version")


class CheckpointFiles(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints; its own way goes through $TMPDIR.

    Args:
        resumed: The file that a training goes on from; others may hold weights alone, as those that its processes hand
            over in the end.
        weights: What must be in it, for names and shapes.
    """

    def __init__(self, resumed: Path, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.resumed, self.weights = resumed, weights

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write the whole file or none."""
        with atomic_write(Path(path)) as unfinished:
            torch.save(checkpoint, unfinished)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """See `read_checkpoint`.

        Raises:
            ValueError: If it is damaged, or a training cannot go on from what it holds.
        """
        content = read_checkpoint(Path(path))
        if Path(path) == self.resumed:
            lacks = [key for key in _NEEDED if key not in content]
            if lacks:
                raise ValueError(_damaged(self.resumed, f"it has no {lacks[0]}"))
            check_weights(content["state_dict"], self.weights, self.resumed)
        return content


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a file that `torch.save` wrote, on the CPU. No pickled code is run.

    Raises:
        ValueError: If it is damaged: `torch.load` alone does not compare the archive's checksums.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} differs")
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(content, dict):
            raise TypeError(f"it holds a {type(content).__name__}")
    except pickle.UnpicklingError as error:  # torch's own words advise to trust the file
        raise ValueError(_damaged(path, "it holds more than tensors and plain data")) from error
    except Exception as error:  # damage shows in any of zipfile's, pickle's and torch's ways
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(_damaged(path, reason)) from error
    return content


def check_weights(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path) -> None:
    """Compare names and shapes.

    Args:
        found: In the checkpoint.
        wanted: Those that it should have.
        path: Of the checkpoint.

    Raises:
        ValueError: If one is missing, unknown, or of another shape.
    """
    for name in [*wanted, *found]:
        have, want = found.get(name), wanted.get(name)
        if not isinstance(have, Tensor):
            raise ValueError(_damaged(path, f"it lacks the weight {name}"))
        if want is None:
            raise ValueError(_damaged(path, f"its weight {name} is none of this model's"))
        if have.shape != want.shape:
            raise ValueError(_damaged(path, f"its weight {name} is {list(have.shape)}, not {list(want.shape)}"))


def _damaged(path: Path, reason: str) -> str:
    return f"checkpoint {path} is damaged ({reason}): restore it, or start again with --overwrite true"

"""Initial weights of image networks: a local file, or a download; every way to fail is one sentence."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn


def read_weights_file(path: Path) -> dict[str, Tensor]:
    """A state dict from a .safetensors or .pth file; no pickled code is run.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read.
    """
    from timm.models import load_state_dict

    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist: give a state-dict file")
    try:
        state: dict[str, Tensor] = load_state_dict(str(path), use_ema=False, weights_only=True)
    except Exception as error:  # a damaged file fails in any of torch's, pickle's and safetensors' ways
        raise ValueError(
            f"weights file {path} cannot be read ({first_line(error)}): give a state dict as .safetensors or .pth"
        ) from error
    return state


def load_into(network: nn.Module, state: Mapping[str, Tensor], *, source: str, name: str) -> None:
    """Load a whole state dict.

    Raises:
        ValueError: If it does not fit.
    """
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"weights {source} do not fit {name}: {first_line(error)}") from error


def download(name: str, load: Callable[[], Any]) -> Any:
    """Run a hub download.

    Raises:
        OSError: If it fails in any way.
    """
    try:
        return load()
    except Exception as error:  # hub clients raise many unrelated types when offline
        raise OSError(
            f"the pretrained weights of {name} cannot be had ({first_line(error)}): go online, "
            "give a local file with `weights`, or train without (`pretrained: false`)"
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]

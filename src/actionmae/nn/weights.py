"""Initial weights of image networks: a local file, or a download; every way to fail is one sentence."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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


def download(name: str, load: Callable[[], Any], *, from_hub: bool) -> Any:
    """Run a download.

    Args:
        name: Of the network, for the message.
        load: What downloads, or takes the weights from its cache.
        from_hub: It asks the Hugging Face hub.

    Raises:
        OSError: If it fails in any way.
    """
    with _offline_if(from_hub) as unreachable:
        try:
            return load()
        except Exception as error:  # hub clients raise many unrelated types when offline
            reason = unreachable or first_line(error)
            raise OSError(
                f"the pretrained weights of {name} cannot be had ({reason}): go online, "
                "give a local file with `weights`, or train without (`pretrained: false`)"
            ) from error


@contextmanager
def _offline_if(from_hub: bool) -> Iterator[str]:
    """Say why the hub cannot be reached, and let its client look into the cache alone: it would ask for a minute."""
    from huggingface_hub import constants, get_session

    before, unreachable = constants.HF_HUB_OFFLINE, ""
    if from_hub and not before:
        try:
            get_session().head(constants.ENDPOINT, timeout=5)
        except Exception as error:
            constants.HF_HUB_OFFLINE = True
            unreachable = f"{constants.ENDPOINT} cannot be reached: {first_line(error)}"
    try:
        yield unreachable
    finally:
        constants.HF_HUB_OFFLINE = before


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]

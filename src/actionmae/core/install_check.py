"""One clear sentence where torch and torchvision do not fit each other, instead of a traceback from inside torch."""

import importlib


def check_install() -> None:
    """Import torchvision once and say what is wrong if that fails.

    A plain pip can pair a CPU wheel of torch with a CUDA wheel of torchvision; then `import torchvision` (and with it
    timm) raises "operator torchvision::nms does not exist" or misses a shared library.

    Raises:
        ImportError: If torch or torchvision is missing, or if they do not fit each other.
    """
    try:
        importlib.import_module("torch")
        importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{error.name} is not installed: run `uv pip install actionmae` (or `make install` in the repository)"
        ) from error
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImportError(
            f"the installed torchvision does not fit the installed torch ({reason}): reinstall both from one source, "
            "for example `uv pip install --reinstall torch torchvision`"
        ) from error

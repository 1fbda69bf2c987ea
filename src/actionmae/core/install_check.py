"""One clear sentence where torch and torchvision do not fit each other, instead of a traceback from inside torch."""

import importlib


def check_install() -> None:
    """Import torch and torchvision once and say what is wrong if that fails.

    A plain pip can pair a CPU wheel of torch with a CUDA wheel of torchvision; then `import torchvision` (and with it
    timm) raises "operator torchvision::nms does not exist" or misses a shared library.

    Raises:
        ImportError: If torch or torchvision is missing or broken, or if they do not fit each other.
    """
    for name, problem in (
        ("torch", "the installed torch cannot be imported"),
        ("torchvision", "the installed torchvision does not fit the installed torch"),
    ):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ImportError(
                f"{error.name} is not installed: run `make install` in the repository, or `uv pip install actionmae`"
            ) from error
        except (ImportError, RuntimeError, OSError, AttributeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ImportError(
                f"{problem} ({reason}): reinstall both from one source, "
                "for example `uv pip install --reinstall torch torchvision`"
            ) from error

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.install_check import check_install
from helpers.processes import run_python


def test_a_fitting_install_passes() -> None:
    check_install()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist\nfurther lines of a traceback"),
        OSError("libtorch_cuda.so: cannot open shared object file"),
        AttributeError("partially initialized module 'torchvision' has no attribute 'extension'"),
    ],
)
def test_a_torchvision_that_does_not_fit_is_one_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(name: str) -> object:
        if name == "torchvision":
            raise error
        return sys.modules[name]

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ImportError, match="torchvision does not fit the installed torch") as caught:
        check_install()
    assert "\n" not in str(caught.value)
    assert "--reinstall torch torchvision" in str(caught.value)


def test_a_broken_torch_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise ImportError("libtorch_nvshmem.so: undefined symbol")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ImportError, match=r"the installed torch cannot be imported \(libtorch_nvshmem"):
        check_install()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ImportError, match="torchvision is not installed: run"):
        check_install()


def test_import_stays_light() -> None:
    heavy = run_python(
        "import sys, actionmae; dir(actionmae); actionmae.__version__; actionmae.ModalitySpec\n"
        "print([name for name in ('torch', 'torchvision', 'timm', 'av', 'cv2', 'lightning', 'onnx', 'gradio')"
        " if name in sys.modules])"
    )
    assert heavy.strip() == "[]"


BROKEN = """
import sys, importlib.abc
class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
sys.meta_path.insert(0, Broken())
"""


def test_who_needs_torchvision_fails_with_the_sentence_and_nobody_else(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 8, 8, 3), dtype=np.uint8))
    (tmp_path / "m.csv").write_text("sample,label,split,rgb\na,x,train,a.npy\nb,y,train,a.npy\n")
    said = run_python(
        BROKEN + "import contextlib, io, actionmae\n"
        "from actionmae.cli import main\n"
        "actionmae.build_classifier(['skeleton'], 2)\n"
        "try:\n    actionmae.build_classifier(['rgb'], 2)\nexcept ImportError as error:\n    print(error)\n"
        "errors = io.StringIO()\n"
        "with contextlib.redirect_stderr(errors):\n"
        f"    code = main(['train', '--run', r'{tmp_path}/r', '--data.manifest', r'{tmp_path}/m.csv'])\n"
        "print(code, errors.getvalue())"
    )
    name, command = said.strip().splitlines()
    assert name.startswith("the installed torchvision does not fit the installed torch (operator torchvision::nms")
    assert command.startswith("2 actionmae train: the installed torchvision does not fit the installed torch")

import importlib
import sys
from types import ModuleType

import pytest

from actionmae.core.lazy_names import lazy_names


def test_a_name_is_loaded_once_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = ModuleType("box"), ModuleType("box.inner")
    module.thing = object()
    monkeypatch.setitem(sys.modules, "box", package)
    monkeypatch.setitem(sys.modules, "box.inner", module)
    load = lazy_names("box", {"thing": "inner"})
    assert load("thing") is module.thing
    assert vars(package)["thing"] is module.thing


def test_another_name_says_what_is_public() -> None:
    with pytest.raises(AttributeError, match=r"module 'box' has no attribute 'think': public are thing, world"):
        lazy_names("box", {"world": "inner", "thing": "inner"})("think")


@pytest.mark.parametrize("package", ["actionmae.nn", "actionmae.methods", "actionmae.data"])
def test_packages_load_all_that_they_name(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name).__name__ == name

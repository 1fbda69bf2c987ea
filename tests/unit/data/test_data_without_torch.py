"""Manifests, readers, sampling and preparation work where torch is not installed."""

import subprocess
import sys

import pytest

import actionmae.data

CODE = """
import sys
sys.modules.update({"torch": None, "torchvision": None, "timm": None})
import actionmae.data.loading.framing, actionmae.data.layouts, actionmae.data.manifest, actionmae.data.prepare.run
import actionmae.data.reading.readers, actionmae.data.loading.sampling
from actionmae.data.layouts import LAYOUTS, load_layout
for name in LAYOUTS:
    load_layout(name)
"""


def test_no_torch_is_needed_for_files() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True)


def test_names_of_the_package_are_found_when_asked_for() -> None:
    assert actionmae.data.ClipDataset.__module__ == "actionmae.data.loading.dataset"
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = actionmae.data.Nothing

"""The page: served, used as a browser uses it, and ended. Skips where Gradio, Playwright or Chromium are missing."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.nn.checkpoint import save_model
from helpers.tiny_models import tiny_classifier
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings

PORT = 7897
needs_gradio = pytest.mark.skipif(find_spec("gradio") is None, reason="needs Gradio: pip install 'actionmae[app]'")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("page")
    specs = ModalitySet([each | {"fps": 10.0} for each in MODALITIES])
    for name in "ab":
        save_model(tiny_classifier(specs, len(CLASSES), action_mae=True), top / name / "model")
    write_recordings(top / "clips")
    return top


@pytest.fixture
def served(rig: Path, tmp_path: Path) -> Iterator[str]:
    words = ["app", rig / "a/model", rig / "b/model", "--manifest", rig / "clips/manifest.csv", "--port", str(PORT)]
    process = subprocess.Popen(
        [sys.executable, "-m", "actionmae.cli", *words],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert f"open http://127.0.0.1:{PORT}/" in line
    yield line.split()[1]
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    assert process.wait(timeout=20) == 130
    print(f"ended in {time.monotonic() - start:.2f} s")
    assert not list(tmp_path.glob("actionmae-app-*"))


@pytest.fixture
def page(served: str) -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.set_default_timeout(60_000)
        opened.goto(served)
        opened.get_by_role("button", name="Play").wait_for()
        yield opened
        browser.close()


@needs_gradio
def test_in_a_browser(page: Any, tmp_path: Path) -> None:
    page.get_by_role("button", name="Play").click()
    page.get_by_text(re.compile("Expected accuracy from A\\+X")).first.wait_for()
    assert page.get_by_text("Expected accuracy").count() == 2
    page.get_by_label("sound is").click()
    page.get_by_role("option", name="off").click()
    page.get_by_text("Expected accuracy from A:").first.wait_for()
    page.get_by_label("Clip", exact=True).click()
    page.get_by_role("option", name="your own recordings").click()
    page.get_by_text("nothing is chosen: choose a clip, or upload").first.wait_for()
    page.get_by_role("button", name="Your own recordings").click()
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32))
    page.locator("input[type=file]").first.set_input_files(tmp_path / "mine.npy")
    page.get_by_text("mine").first.wait_for()
    page.get_by_role("button", name="Play").click()
    page.get_by_text("Expected accuracy from A:").first.wait_for()


def test_bad_options_are_one_sentence(rig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        (["--port", "0"], "port is 0: give 1 to 65535"),
        (["--max_megabytes", "0"], "max_megabytes is 0: give at least 1"),
    ):
        assert main(["app", str(rig / "a/model"), *words]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.skipif(find_spec("gradio") is not None, reason="Gradio is installed")
def test_without_gradio_there_is_one_sentence(rig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["app", str(rig / "a/model")]) == 2
    assert "the page needs Gradio: pip install 'actionmae[app]'" in capsys.readouterr().err

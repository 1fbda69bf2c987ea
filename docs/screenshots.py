"""Take the pictures of the page and of the report, of the demo's rendered recordings: `make screenshots`."""

import io
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

DEMO = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo")
PICTURES = Path(__file__).parent / "pictures"
ADDRESS = "http://127.0.0.1:7866/"
SCREENS = {"desk": (1280, 1500, "light"), "phone": (390, 1700, "dark")}
"""Width and height in pixels, and the colour scheme."""


def show_app(page: Page) -> None:
    """Two models, and the depth sensor goes black after half a second."""
    page.goto(ADDRESS)
    page.get_by_label("depth is").click()
    page.get_by_role("option", name="black").click()
    page.get_by_label("number input for depth: from second").fill("0.5")
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_text("Expected accuracy").nth(1).wait_for()
    page.wait_for_timeout(1000)  # until the last change is asked for
    page.wait_for_function("!document.body.innerText.includes('processing |')")
    page.wait_for_timeout(1000)  # the bars grow
    page.mouse.move(0, 0)


def show_report(page: Page) -> None:
    """From its head on."""
    page.goto((DEMO / "report.html").resolve().as_uri())


@contextmanager
def served() -> Iterator[None]:
    """The page, with two models of the demo."""
    models = [str(DEMO / name / "model") for name in ("fusion", "cross_prediction")]
    command = [sys.executable, "-m", "actionmae.cli", "app", *models]
    command += ["--manifest", str(DEMO / "prepared/manifest.csv"), "--port", "7866"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait()


def take(shows: dict[str, Callable[[Page], None]]) -> None:
    """One picture of each on a desk in light, and on a phone in dark; the whole page of the app on a desk."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for screen, (across, down, scheme) in SCREENS.items():
            page = browser.new_page(viewport={"width": across, "height": down}, color_scheme=scheme)
            page.set_default_timeout(120_000)
            for name, show in shows.items():
                show(page)
                picture = Image.open(io.BytesIO(page.screenshot(full_page=(name, screen) == ("app", "desk"))))
                picture.save(PICTURES / f"{name}-{screen}.webp", quality=80, method=6)
            page.close()
        browser.close()


if __name__ == "__main__":
    started = time.monotonic()
    with served():
        take({"app": show_app, "report": show_report})
    print(f"pictures in {PICTURES}, {time.monotonic() - started:.0f} s")

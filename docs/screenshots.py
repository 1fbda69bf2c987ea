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
WIDTHS = {"": (1280, 1500), "-phone": (390, 1700)}


def show_app(page: Page) -> None:
    """Two models, and the depth sensor goes black after half a second."""
    page.goto(ADDRESS)
    page.get_by_label("depth is").click()
    page.get_by_role("option", name="black").click()
    page.get_by_label("number input for depth: from second").fill("0.5")
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_text("Expected accuracy").nth(1).wait_for()
    page.locator("canvas, svg.marks").nth(1).wait_for()
    page.wait_for_timeout(2000)  # the curves grow
    page.mouse.move(0, 0)


def show_report(page: Page) -> None:
    """From its head on."""
    page.goto((DEMO / "report.html").resolve().as_uri())


@contextmanager
def served() -> Iterator[None]:
    """The page, with both models of the demo."""
    command = [sys.executable, "-m", "actionmae.cli", "app", DEMO / "fusion/model", DEMO / "actionmae/model"]
    command += ["--manifest", DEMO / "prepared/manifest.csv", "--port", "7866"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait()


def take(shows: dict[str, Callable[[Page], None]]) -> None:
    """One picture of each, for light and dark, wide and on a phone."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width, (across, down) in WIDTHS.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": across, "height": down}, color_scheme=scheme)
                page.set_default_timeout(120_000)
                for name, show in shows.items():
                    show(page)
                    picture = Image.open(io.BytesIO(page.screenshot()))
                    picture.save(PICTURES / f"{name}-{scheme}{width}.webp", quality=80, method=6)
                page.close()
        browser.close()


if __name__ == "__main__":
    started = time.monotonic()
    with served():
        take({"app": show_app, "report": show_report})
    print(f"pictures in {PICTURES}, {time.monotonic() - started:.0f} s")

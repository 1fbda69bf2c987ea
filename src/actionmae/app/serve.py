"""Serve the page on this machine, with limits, until it is interrupted; nothing that was uploaded is left behind."""

import gc
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actionmae.app.page import build_page
from actionmae.app.stage import Shown
from actionmae.app.uploads import KEPT_SECONDS, UploadLimit
from actionmae.data.manifest import read_manifest

WAITING = 64
"""Clicks that may wait; further ones are told to come back."""
UPLOADS = 100
"""Recordings that may lie on the server at a time."""


def serve(
    shown: Sequence[Shown],
    *,
    manifest: Path | None,
    host: str,
    port: int,
    max_megabytes: int,
    ready: Callable[[str], None],
) -> None:
    """Show the page until interrupted; what was uploaded is in a folder that is removed in the end.

    Args:
        shown: The models.
        manifest: CSV with clips to choose from.
        host: The address that it listens on.
        port: Its port.
        max_megabytes: Of one upload.
        ready: Called with the page's address.

    Raises:
        FileNotFoundError: If there is no such manifest.
        ImportError: If Gradio is not installed.
        OSError: If the port is taken or not allowed.
        ValueError: If the manifest has no clip for these models.
    """
    with _folder() as place:
        os.environ |= {"GRADIO_TEMP_DIR": str(place), "GRADIO_ANALYTICS_ENABLED": "False"}
        gradio = _gradio()
        from starlette.middleware import Middleware  # Gradio brings it

        answering = threading.Lock()
        clips = read_manifest(manifest) if manifest else None
        page = build_page(gradio, shown, clips, kept_seconds=KEPT_SECONDS, answering=answering)
        limit = Middleware(UploadLimit, megabytes=max_megabytes, most=UPLOADS)
        try:
            _, address, _ = page.queue(max_size=WAITING, default_concurrency_limit=1).launch(
                server_name=host,
                server_port=port,
                app_kwargs={"middleware": [limit]},
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                ssr_mode=False,
                footer_links=[],
                theme=_theme(gradio),
                css_paths=Path(__file__).with_name("page.css"),
                head=f"<script>{Path(__file__).with_name('page.js').read_text(encoding='utf-8')}</script>",
            )
        except OSError as error:  # Gradio's sentence speaks of its own variables
            raise OSError(
                f"the page cannot be served at {host}, port {port}: the port is taken, or not allowed; choose another "
                "with --port"
            ) from error
        gc.freeze()  # else Python would look through all that Gradio and torch hold before it ends, for seconds
        ready(address)
        try:
            threading.Event().wait()
        finally:
            _close(page, answering)


def _close(page: Any, answering: threading.Lock) -> None:
    """End the server before its folder is removed and Python ends; nothing is computed or written afterwards."""
    page.server.force_exit = True  # browsers that are still open are not waited for,
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # nor told of, with a traceback for each
    page.close(verbose=False)
    answering.acquire(timeout=10)  # for good: clicks that still wait are not answered


@contextmanager
def _folder() -> Iterator[Path]:
    """Where everything temporary goes while the page is served, the halves of broken uploads, too."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="actionmae-app-", ignore_cleanup_errors=True) as place:
        tempfile.tempdir = place
        try:
            yield Path(place)
        finally:
            tempfile.tempdir = before


def _theme(gradio: Any) -> Any:
    """The reader's own fonts, as nothing is fetched from elsewhere; buttons dark enough for white words."""
    fill = {f"button_primary_background_fill{dark}": "*primary_700" for dark in ("", "_dark")}
    theme = gradio.themes.Default(primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["monospace"])
    return theme.set(**fill)


def _gradio() -> Any:
    try:
        import gradio
    except ImportError as error:
        raise ImportError("the page needs Gradio: pip install 'actionmae[app]'") from error
    return gradio

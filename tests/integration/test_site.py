"""The documentation site is whole: strict mode refuses a link, an anchor or a reference that leads nowhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actionmae.cli import VERBS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="the site needs mkdocs-material: pip install 'actionmae[docs]'")
    folder = tmp_path_factory.mktemp("site")
    environment = os.environ | {
        "NO_MKDOCS_2_WARNING": "1",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        capture_output=True, text=True, check=False, cwd=ROOT, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_every_verb_and_public_name_is_on_a_page(site: Path) -> None:
    arguments = (site / "reference/arguments/index.html").read_text(encoding="utf-8")
    assert all(f'id="{verb}"' in arguments and f"usage: actionmae {verb}" in arguments for verb in VERBS)
    names = (site / "python/actionmae/index.html").read_text(encoding="utf-8")
    assert 'href="../inference/#actionmae.inference.predictor.Predictor"' in names
    assert 'id="actionmae.inference.predictor.Predictor.predict"' in (site / "python/inference/index.html").read_text(
        "utf-8"
    )
    assert "Add a modality" in (site / "contributing/index.html").read_text(encoding="utf-8")
    assert "0.1.0" in (site / "changelog/index.html").read_text(encoding="utf-8")


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = re.findall(
            r'(?:<script|<img|<link rel="stylesheet")[^>]+(?:src|href)="(https?:[^"]+)', page.read_text("utf-8")
        )
        assert not fetched, page

"""The report of six sensors on a screen and on a phone; skips where there is no browser."""

import dataclasses
from pathlib import Path

import pytest

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.evaluation import RobustnessTable
from actionmae.report.candidates import ReportRun
from actionmae.report.page import write_report
from helpers.browser import chromium
from helpers.fake_classifier import chosen_scores

CLASSES = ("<b>clap</b> & wave", "拍手をする", "сесть на стул", "لوح باليد", "Donaudampfschifffahrts" * 4, "wave")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models with long names, six sensors, class names in several scripts and with markup."""
    fields = {"kind": "features", "shape": [5], "num_frames": 3, "value": "raw", "encoder": "features"}
    names = [f"camera_above_the_left_door_{at}" for at in range(6)]
    six = ModalitySet([{"name": name, "letter": f"S{at}", **fields} for at, name in enumerate(names)])
    hits = {subset: [at % 7 < len(subset) for at in range(42)] for subset in all_subsets(6)}
    scores = dataclasses.replace(chosen_scores(six, hits), classes=CLASSES)
    runs = [
        ReportRun(name=name, table=RobustnessTable.from_scores(scores), scores=scores, provenance={"command": name})
        for name in ("plain transformer fusion with an <i>especially</i> long name " * 2, "another")
    ]
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(out, runs, title="Six sensors")
    return out


def test_it_fits_and_shows_markup_as_text(report: Path) -> None:
    with chromium() as browser:
        for width, colours in ((1280, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
            page.set_default_timeout(120_000)
            page.goto(report.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator("tbody th[title]").count() == 63
            assert page.get_by_text(CLASSES[0]).first.is_visible()
            assert not page.locator("b, i").count()

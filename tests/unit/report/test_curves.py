"""Curves over time as HTML."""

import re
from pathlib import Path

from actionmae.report import curves
from actionmae.report.curves import curves_html
from actionmae.report.figures import COLOURS


def test_every_point_is_where_it_belongs_and_says_what_it_is() -> None:
    page = curves_html(
        {"wave": [(0.0, 25.0), (0.5, 50.0), (2.0, 100.0)], "sit": [(0.0, 75.0), (0.5, 50.0), (2.0, 0.0)]},
        title="Chances",
    )
    assert re.findall(r"<title>(.*?)</title>", page) == [
        "wave 25 % at 0.00 s", "wave 50 % at 0.50 s", "wave 100 % at 2.00 s",
        "sit 75 % at 0.00 s", "sit 50 % at 0.50 s", "sit 0 % at 2.00 s",
    ]  # fmt: skip
    places = re.findall(r'<circle cx="([\d.]+)%" cy="([\d.]+)"', page)
    left, top = (lambda seconds: 7 + 90 * seconds / 2), (lambda share: 214 - 2 * share)
    wanted = [(0, 25), (0.5, 50), (2, 100), (0, 75), (0.5, 50), (2, 0)]
    assert [(float(x), float(y)) for x, y in places] == [(left(at), top(share)) for at, share in wanted]
    assert re.findall(r'swatch s(\d)"></span>(\w+)', page) == [("0", "wave"), ("1", "sit")]


def test_a_moment_alone_and_names_with_markup() -> None:
    page = curves_html({"<b>clap</b>": [(0.0, 100.0)]}, title="<i>")
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;clap&lt;/b&gt; 100 % at 0.00 s" in page
    assert 'cx="7.00%"' in page


def test_charts_side_by_side_share_colours() -> None:
    slots = {"wave": 0, "sit": 1}
    page = curves_html({"sit": [(1.0, 100.0)]}, title="Chances of another model", slots=slots)
    assert 'class="s1"' in page
    assert 'class="s0"' not in page


def test_the_page_draws_in_the_colours_of_the_report() -> None:
    code = Path(curves.__file__).parents[1]
    report = (code / "report/templates/report.css").read_text(encoding="utf-8")
    page = (code / "app/page.css").read_text(encoding="utf-8")
    of_report = re.findall(r"--s(\d): (#\w+);", report)
    assert len(of_report) == 2 * COLOURS
    assert re.findall(r"^\.curves \.s(\d) { --hue: (#\w+);", page, re.M) == of_report[:COLOURS]
    assert re.findall(r"\.dark \.curves \.s(\d) { --hue: (#\w+);", page) == of_report[COLOURS:]

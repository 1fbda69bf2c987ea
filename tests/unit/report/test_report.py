import csv
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.evaluation import FrameLossCurve, RobustnessTable
from actionmae.report.charts import Bar, bar_chart, heat_map, legend
from actionmae.report.entries import ReportRun, group_runs
from actionmae.report.findings import (
    class_rates,
    confusion,
    headline,
    leaders,
    most_confused,
    sensor_costs,
    worst_subset,
)
from actionmae.report.markup import Html, join, tag
from actionmae.report.page import write_report
from helpers.fake_classifier import chosen_scores

RDI = ModalitySet(["rgb", "depth", "ir"])
ACTION_MAE = [93.0, 92.6, 87.6, 91.9, 83.4, 89.7, 81.7]  # Table 5
PLAIN = [92.6, 91.6, 66.6, 90.4, 56.6, 88.9, 35.4]  # Table 4
PNG = b"\x89PNG\r\n\x1a\n"
VOID = {"meta", "img", "line", "rect", "circle"}


def run_of(name: str, top1: list[float], *, modalities: ModalitySet = RDI, **fields) -> ReportRun:
    """A run whose rows have the given top-1 on 1,000 clips."""
    hits = {
        subset: np.arange(1000) < round(10 * value)
        for subset, value in zip(all_subsets(len(modalities)), top1, strict=True)
    }
    scores = chosen_scores(modalities, hits)
    return ReportRun(name=name, table=RobustnessTable.from_scores(scores), scores=scores, **fields)


class Page(HTMLParser):
    """Checks that tags are balanced; collects table rows, addresses and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.addresses: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((name, dict(attrs)))
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href", "action")]
        if name == "tr":
            self.rows.append([])
        if name in ("td", "th"):
            self.rows[-1].append("")
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(name, attrs)
        if name not in VOID:
            self.open.pop()

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open) and self.rows:
            self.rows[-1][-1] += data


@pytest.fixture
def written(tmp_path: Path) -> Path:
    curves = [
        FrameLossCurve(kind=kind, lost=("rgb",), fractions=(0.0, 0.5), n=10, correct=(9, 5))
        for kind in ("frames", "spans")
    ]
    runs = [
        run_of("plain", PLAIN, provenance={"command": "train plain", "date": "2026-01-01"}),
        run_of("mae", ACTION_MAE, frame_loss=curves, provenance={"command": "train mae", "date": "2026-01-01"}),
    ]
    out = tmp_path / "new" / "report.html"
    write_report(out, runs, samples=[("a frame", PNG)])
    return out


def test_the_page_is_well_formed_and_holds_every_row(written: Path) -> None:
    page = Page(written.read_text(encoding="utf-8"))
    table = {row[0]: row[1:] for row in page.rows if len(row) == 5}
    assert table["R+D+I"][::2] == ["92.6", "93.0"]
    assert table["I"] == ["35.4", "−57.2", "81.7", "−11.3"]
    assert table["mean, incomplete"][1::2] == ["−21.0", "−5.2"]
    names = [row[0] for row in page.rows]
    for subset in ("R+D+I", "R+D", "R+I", "D+I", "R", "D", "I"):
        assert names.count(subset) == 3  # side by side, and once for each run
    assert names.count("as recorded") == 2


def test_the_page_loads_nothing(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    page = Page(text)
    assert [address.split(",")[0] for address in page.addresses] == ["data:image/png;base64"]
    assert "<script" not in text
    assert "<link" not in text
    assert not re.search(r"url\(|@import|https?://", text)


def test_pictures_are_named_for_screen_readers(written: Path) -> None:
    page = Page(written.read_text(encoding="utf-8"))
    for name, attributes in page.tags:
        if name == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        if name == "img":
            assert attributes["alt"] == "a frame"
    assert ("html", {"lang": "en"}) in page.tags


def test_markdown_and_csv_lie_beside(written: Path) -> None:
    assert sorted(path.name for path in written.parent.iterdir()) == ["report.csv", "report.html", "report.md"]
    text = written.with_suffix(".md").read_text(encoding="utf-8")
    assert "| I | 35.4 | 81.7 |" in text
    assert "- command: train mae" in text
    with written.with_suffix(".csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["plain"] * 8 + ["mae"] * 8
    assert float(rows[14]["top1"]) == pytest.approx(81.7)


def test_every_user_string_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>&\""
    modalities = ModalitySet(["rgb", "depth"])
    scores = chosen_scores(modalities, {subset: [True, False] * 4 for subset in all_subsets(2)})
    scores = dataclasses.replace(scores, classes=tuple(f"{evil}{at}" for at in range(6)))
    run = ReportRun(
        name=evil, table=RobustnessTable.from_scores(scores), scores=scores, provenance={evil: evil}, group=evil + "g"
    )
    out = tmp_path / "report.html"
    write_report(out, [run], title=evil, samples=[(evil, b"\xff\xd8\xff\xe0")])
    text = out.read_text(encoding="utf-8")
    assert "<script" not in text
    assert Page(text).tags
    assert "&lt;script&gt;" in text


def test_seeds_of_a_group_are_mean_and_spread(tmp_path: Path) -> None:
    seeds = [run_of(f"seed {at}", [value + at - 1 for value in ACTION_MAE], group="mae") for at in range(3)]
    entries = group_runs([seeds[0], run_of("plain", PLAIN), *seeds[1:]])
    assert [entry.name for entry in entries] == ["mae", "plain"]
    stat = entries[0].top1("R+D")
    assert (stat.mean, stat.spread, stat.low, stat.high) == pytest.approx((92.6, 1.0, 91.6, 93.6))
    single = entries[1].top1("R+D")
    assert single.spread is None
    assert (single.low, single.high) == entries[1].first.table["R+D"].interval
    assert entries[0].row("X", lambda row: row.top1) is None
    out = tmp_path / "report.html"
    write_report(out, seeds)
    assert "92.6 ±1.0" in out.read_text(encoding="utf-8")
    assert "92.6 ±1.0" not in out.with_suffix(".csv").read_text(encoding="utf-8")


def test_a_specialist_stands_beside_without_means(tmp_path: Path) -> None:
    runs = [run_of("mae", ACTION_MAE), run_of("specialist", [85.5], modalities=ModalitySet(["ir"]))]
    out = tmp_path / "report.html"
    write_report(out, runs)
    table = {row[0]: row[1:] for row in Page(out.read_text(encoding="utf-8")).rows if len(row) == 5}
    assert table["I"] == ["81.7", "−11.3", "85.5", ""]
    assert table["R"] == ["83.4", "−9.6", "", ""]
    assert table["mean, all subsets"][2] == ""
    assert headline(group_runs(runs)[1]) == "From ir 85.5\u00a0% of the clips are right."
    assert [entry.name for entry in leaders(group_runs(runs))] == ["mae"]


def test_the_headline_says_what_each_sensor_costs() -> None:
    (entry,) = group_runs([run_of("mae", ACTION_MAE)])
    assert headline(entry) == (
        "With all sensors 93.0\u00a0% of the clips are right. "
        "Losing depth costs 5.4 points; losing rgb costs 1.1 points; "
        "losing ir costs 0.4 points. At worst, with ir alone, 81.7\u00a0%."
    )
    assert worst_subset(entry) == "I"


def test_the_headline_marks_what_the_clips_cannot_tell() -> None:
    hits = {(0, 1): [1, 1, 1, 0, 1, 0, 1, 1], (0,): [1, 1, 0, 1, 1, 0, 1, 1], (1,): [1, 0, 1, 0, 1, 1, 1, 0]}
    scores = chosen_scores(ModalitySet(["rgb", "depth"]), hits)
    run = ReportRun(name="a", table=RobustnessTable.from_scores(scores), scores=scores)
    text = headline(group_runs([run])[0])
    assert "Losing rgb costs 12.5 points (uncertain); losing depth changes nothing." in text


def test_seeds_that_disagree_on_the_sign_are_uncertain() -> None:
    def seed(name: str, rest: float) -> ReportRun:
        return run_of(name, [90.0, rest, 50.0], modalities=ModalitySet(["rgb", "depth"]), group="g")

    agree, differ = (group_runs([seed("a", 85.0), seed("b", rest)])[0] for rest in (84.0, 91.0))
    assert "losing depth costs 5.5 points." in headline(agree)
    assert "losing depth costs 2.0 points (uncertain)." in headline(differ)


def test_a_headline_without_complete_clips() -> None:
    modalities = ModalitySet(["rgb", "depth"])
    available = np.array([[1, 0], [0, 1]], dtype=bool)
    scores = chosen_scores(modalities, {subset: [1, 0] for subset in all_subsets(2)}, available=available)
    run = ReportRun(name="a", table=RobustnessTable.from_scores(scores), scores=scores)
    assert (
        headline(group_runs([run])[0]) == "No clip has all modalities, so the price of a lost sensor is not measured."
    )


def test_a_report_of_incomplete_clips_is_written(tmp_path: Path) -> None:
    modalities = ModalitySet(["rgb", "depth"])
    available = np.array([[1, 0], [0, 1]], dtype=bool)
    scores = chosen_scores(modalities, {subset: [1, 0] for subset in all_subsets(2)}, available=available)
    run = ReportRun(name="a", table=RobustnessTable.from_scores(scores), scores=scores)
    write_report(tmp_path / "report.html", [run])
    assert "n/a" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_sensor_costs_are_means_over_the_subsets_that_had_the_sensor() -> None:
    (entry,) = group_runs([run_of("mae", ACTION_MAE)])
    costs = {cost.name: cost for cost in sensor_costs(entry)}
    assert list(costs) == ["depth", "rgb", "ir"]
    assert costs["depth"].alone.mean == pytest.approx(87.6 - 93.0)
    # R+D+I → R+I, R+D → R, D+I → I.
    assert costs["depth"].average.mean == pytest.approx(np.mean([87.6 - 93.0, 83.4 - 92.6, 81.7 - 91.9]))
    assert sensor_costs(group_runs([run_of("one", [80.0], modalities=ModalitySet(["ir"]))])[0]) == []


def test_class_rates_are_sorted_by_loss_and_confusions_counted() -> None:
    modalities = ModalitySet(["rgb", "depth"])
    hits = {(0, 1): [1, 1, 1, 1], (0,): [0, 0, 1, 1], (1,): [1, 1, 0, 1]}
    scores = chosen_scores(modalities, hits, labels=[0, 0, 1, 1], num_classes=3)
    rates = class_rates(scores, (1,))
    assert [(rate.name, rate.n, rate.full, rate.subset) for rate in rates] == [
        ("class 1", 2, 100.0, 50.0),
        ("class 0", 2, 100.0, 100.0),
    ]
    counts = confusion(scores, (0,))
    assert counts.tolist() == [[0, 2, 0], [0, 2, 0], [0, 0, 0]]
    assert most_confused(counts, scores.classes) == [("class 0", "class 1", 2, 2)]


def test_bars_have_the_length_of_their_value() -> None:
    bars = [
        Bar(slot=0, name="a", value=50.0, low=40.0, high=60.0, label="50.0"),
        Bar(slot=9, name="b", value=None, label="n/a"),
        Bar(slot=1, name="c", value=-3.0, label="+3.0"),
    ]
    chart = bar_chart([("R", "rgb", bars)], title="t", top=100.0)
    assert re.findall(r'<rect [^>]*width="([^"]*)"', chart) == ["42.00%", "0.00%"]
    assert 'x1="33.60%" x2="50.40%"' in chart
    assert ">n/a</text>" in chart
    assert legend([(0, "alone")]) is None


def test_heat_map_draws_only_what_occurs() -> None:
    counts = np.array([[3, 1], [0, 0]])
    picture = heat_map(counts, ["a<", "b"], title="t")
    assert picture.count('class="hit"') == 1
    assert picture.count('class="miss"') == 1
    assert "a&lt; taken for b: 1 of 4" in picture
    many = heat_map(np.eye(50, dtype=np.int64), [f"class {at}" for at in range(50)], title="t")
    assert "<text" not in many


def test_markup_escapes_all_but_markup() -> None:
    assert tag("p", "<", tag("b", "&"), None, class_='"') == '<p class="&quot;">&lt;<b>&amp;</b></p>'
    assert tag("details", open=True) == "<details open></details>"
    assert tag("details", open=False, x=None) == "<details></details>"
    assert tag("line", x1=0) == '<line x1="0"/>'
    assert join(["<", Html("<i>")]) == "&lt;<i>"


def test_bad_input_is_refused_in_one_sentence(tmp_path: Path) -> None:
    run, out = run_of("a", ACTION_MAE), tmp_path / "report.html"
    with pytest.raises(ValueError, match=r"give a name that ends in \.html"):
        write_report(tmp_path / "report.pdf", [run])
    with pytest.raises(ValueError, match="a report needs at least one run"):
        write_report(out, [])
    with pytest.raises(ValueError, match="two runs are named 'a'"):
        write_report(out, [run, run])
    with pytest.raises(ValueError, match="'a' names a run and a group of others"):
        write_report(out, [run, run_of("b", PLAIN, group="a")])
    one = run_of("one", [80.0], modalities=ModalitySet(["ir"]), group="g")
    with pytest.raises(ValueError, match="runs 'b' and 'one' of group 'g' differ in their modalities"):
        write_report(out, [run_of("b", PLAIN, group="g"), one])
    with pytest.raises(ValueError, match="sample frame 'x' is neither PNG nor JPEG"):
        write_report(out, [run], samples=[("x", b"GIF89a")])
    assert not out.exists()


@pytest.mark.parametrize("suffix", [".csv", ".md"])
def test_only_a_report_is_written_over(tmp_path: Path, suffix: str) -> None:
    """`--out RUN/robustness.html` would take the place of the run's own table."""
    run, other = run_of("a", ACTION_MAE), tmp_path / f"robustness{suffix}"
    other.write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"robustness\{suffix} exists and belongs to no report robustness\.html"):
        write_report(tmp_path / "robustness.html", [run])
    assert [path.name for path in tmp_path.iterdir()] == [other.name]
    assert other.read_text(encoding="utf-8") == "mine"
    for _ in range(2):
        write_report(tmp_path / "report.html", [run])

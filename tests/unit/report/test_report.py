import csv
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.calibration import Calibration
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.evaluation import FrameLossCurve, RobustnessTable
from actionmae.evaluation.calibration import reliability
from actionmae.evaluation.faults import FaultRow
from actionmae.evaluation.grids import Grid
from actionmae.report.candidates import ReportRun, Stat, group_runs
from actionmae.report.comparison import Comparison
from actionmae.report.figures import Bar, Line, fault_lines, reliability_lines
from actionmae.report.findings import class_rates, confusion, headline, most_confused, sensors, verdict, worst_subset
from actionmae.report.page import tables_page, templates, write_report
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
    assert ("main", {}) in page.tags
    assert all(attributes.get("tabindex") == "0" for _, attributes in page.tags if attributes.get("class") == "scroll")


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


def test_every_user_string_is_plain_text_in_markdown(tmp_path: Path) -> None:
    evil = "a|b `c` <i>d</i>\n# e * f _g_ [h](i) \\"
    run = dataclasses.replace(run_of(evil, ACTION_MAE), provenance={evil: evil})
    out = tmp_path / "report.html"
    write_report(out, [run, run_of("plain", PLAIN)], title=evil)
    safe = r"a\|b \`c\` \<i\>d\</i\> \# e \* f \_g\_ \[h\](i) \\"
    lines = out.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    assert f"# {safe}" in lines
    assert f"| subset | {safe} | plain |" in lines
    assert f"## {safe}" in lines
    assert f"- {safe}: {safe}" in lines
    assert sum("# e" in line for line in lines) == sum(safe in line for line in lines)


def test_seeds_of_a_group_are_mean_and_spread(tmp_path: Path) -> None:
    seeds = [run_of(f"seed {at}", [value + at - 1 for value in ACTION_MAE], group="mae") for at in range(3)]
    candidates = group_runs([seeds[0], run_of("plain", PLAIN), *seeds[1:]])
    assert [candidate.name for candidate in candidates] == ["mae", "plain"]
    stat = candidates[0].top1("R+D")
    assert (stat.mean, stat.spread, stat.low, stat.high) == pytest.approx((92.6, 1.0, 91.6, 93.6))
    single = candidates[1].top1("R+D")
    assert single.spread is None
    assert (single.low, single.high) == candidates[1].first.table["R+D"].interval
    assert candidates[0].row("X", lambda row: row.top1) is None
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
    assert [candidate.name for candidate in Comparison(group_runs(runs)).ranked] == ["mae"]


def test_the_list_of_subsets_is_made_once() -> None:
    """Twenty-eight sensors have 855 rows: made anew for each, the report would take a minute."""
    (candidate,) = group_runs([run_of("mae", ACTION_MAE)])
    assert candidate.subsets is candidate.subsets
    assert candidate.scored is candidate.scored


def test_the_headline_says_what_each_sensor_costs() -> None:
    (candidate,) = group_runs([run_of("mae", ACTION_MAE)])
    assert headline(candidate) == (
        "With all sensors 93.0\u00a0% of the clips are right. "
        "Losing depth costs 5.4 points; losing rgb costs 1.1 points; "
        "losing ir costs 0.4 points. At worst, with ir alone, 81.7\u00a0%."
    )
    assert worst_subset(candidate) == "I"


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


def test_a_headline_compares_the_same_clips() -> None:
    """16 clips have both sensors, of which 1 is right by both and 2 by depth; all 25 have depth, of which 1 more."""
    available = np.array([[1, 1]] * 16 + [[0, 1]] * 9, dtype=bool)
    both, depth = np.arange(25) < 1, (np.arange(25) < 2) | (np.arange(25) == 20)
    modalities = ModalitySet(["rgb", "depth"])
    scores = chosen_scores(modalities, {(0, 1): both, (0,): both, (1,): depth}, available=available)
    run = ReportRun(name="a", table=RobustnessTable.from_scores(scores), scores=scores)
    (candidate,) = group_runs([run])
    assert candidate.top1("D").mean == pytest.approx(12.0)
    assert candidate.on_complete_clips("D").mean == pytest.approx(12.5)
    assert worst_subset(candidate) == "R"
    assert headline(candidate) == (
        "With all sensors 6.2\u00a0% of the 16 clips that have them all are right. "
        "Losing depth changes nothing; losing rgb gains 6.2 points (uncertain). "
        "At worst, with rgb alone, 6.2\u00a0% of them."
    )


def test_the_verdict_says_who_is_ahead_with_all_sensors() -> None:
    better = [94.0, *PLAIN[1:]]
    text = verdict(Comparison(group_runs([run_of("plain", better), run_of("mae", ACTION_MAE)])))
    assert text == (
        "With sensors missing, mae holds up best: 87.8\u00a0% right on average over the 6 incomplete subsets, "
        "16.2 points above plain. With all sensors it is not the best: plain is 1.0 points ahead "
        "(94.0 against 93.0\u00a0%)."
    )
    ahead = verdict(Comparison(group_runs([run_of("plain", PLAIN), run_of("mae", ACTION_MAE)])))
    assert ahead.endswith("16.2 points above plain.")


def test_means_are_over_the_same_subsets_or_not_given(tmp_path: Path) -> None:
    """A model that does not serve R+I and I has no mean beside one that does, in HTML and in Markdown."""
    whole, part = run_of("whole", ACTION_MAE), run_of("part", PLAIN)
    logits = {subset: part.scores.logits[subset] for subset in part.scores.subsets if subset not in ((0, 2), (2,))}
    scores = dataclasses.replace(part.scores, logits=logits)
    part = dataclasses.replace(part, scores=scores, table=RobustnessTable.from_scores(scores))
    comparison = Comparison(group_runs([part, whole]))
    assert [candidate.name for candidate in comparison.ranked] == ["whole"]
    assert verdict(comparison).endswith("so nobody is ranked.")
    out = tmp_path / "report.html"
    write_report(out, [part, whole])
    table = {row[0]: row[1:] for row in Page(out.read_text(encoding="utf-8")).rows if len(row) == 5}
    assert table["R+I"] == ["n/a", "", "87.6", "−5.4"]
    assert table["mean, incomplete"] == ["", "", "87.8", "−5.2"]
    text = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "| R+I | n/a | 87.6 |" in text
    assert "| mean, incomplete |  | 87.8 |" in text
    assert "of 4 of 6 subsets" in text  # in the table of the one that serves some


def test_models_scored_on_other_clips_are_not_ranked() -> None:
    other = run_of("other", PLAIN)
    scores = dataclasses.replace(other.scores, sample_ids=tuple(f"x{at}" for at in range(1000)))
    comparison = Comparison(group_runs([run_of("mae", ACTION_MAE), dataclasses.replace(other, scores=scores)]))
    assert [candidate.name for candidate in comparison.ranked] == ["mae"]


def test_many_sensors_are_summed_up_by_their_number(tmp_path: Path) -> None:
    fields = {"kind": "features", "shape": [4], "value": "raw", "encoder": "features"}
    six = ModalitySet([{"name": f"s{at}", "letter": f"S{at}", **fields} for at in range(6)])
    runs = [
        run_of(name, [base + len(subset) + subset[0] for subset in all_subsets(6)], modalities=six)
        for name, base in (("a", 50.0), ("b", 60.0))
    ]
    out = tmp_path / "report.html"
    write_report(out, runs)
    page = Page(out.read_text(encoding="utf-8"))
    assert len([row for row in page.rows if row[0].startswith("S0+S1")]) >= 16
    (singles,) = [row for row in page.rows if row[0] == "1" and len(row) == 7]
    assert singles == ["1", "53.5", "51.0", "56.0", "63.5", "61.0", "66.0"]
    text = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "S5 = s5" in text
    assert "| 1 | 6 | 53.5 |" in text


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


def test_each_sensor_is_alone_lost_and_shapley() -> None:
    (candidate,) = group_runs([run_of("mae", ACTION_MAE)])
    found = {sensor.name: sensor for sensor in sensors(candidate)}
    assert found["depth"].lost.mean == pytest.approx(87.6 - 93.0)
    assert found["depth"].alone.mean == pytest.approx(89.7)
    assert sum(sensor.shapley.mean for sensor in found.values()) == pytest.approx(93.0 - 100 / 6)
    shapley = found["depth"].shapley
    assert (shapley.low, shapley.high) == candidate.first.table.sensors[1].interval


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


def draw(macro: str, *arguments: object) -> str:
    return str(getattr(templates().get_template("charts.html").module, macro)(*arguments))


def test_bars_have_the_length_of_their_value() -> None:
    bars = [
        Bar(slot=0, name="<a>", stat=Stat(mean=50.0, spread=None, low=40.0, high=60.0), label="50.0"),
        Bar(slot=9, name="b", stat=None, label="n/a"),
        Bar(slot=1, name="c", stat=Stat(mean=-3.0, spread=None, low=-3.0, high=-3.0), label="−3.0"),
    ]
    chart = draw("bars", [("R", "rgb", bars)], "t", 100.0, (25.0, "chance"))
    assert re.findall(r'<rect [^>]*width="([^"]*)"', chart) == ["42.00%", "0.00%"]
    assert 'x1="33.60%" x2="50.40%"' in chart
    assert chart.count('class="whisker"') == 3
    assert "<title>&lt;a&gt;: 50.0</title>" in chart
    assert 'x1="21.00%" x2="21.00%"' in chart
    assert ">n/a</text>" in chart


def test_lines_reach_from_the_first_tick_to_the_last() -> None:
    line = Line(slot=0, points=[(1.0, 100.0, "a"), (3.0, 0.0, "<b>")], dashed=True)
    chart = draw("lines", [line], "t", [1, 2, 3])
    assert 'x1="7.00%" y1="14.0" x2="97.00%" y2="214.0" class="curve s0 dashed"' in chart
    assert "<title>&lt;b&gt;</title>" in chart
    assert re.findall(r'text-anchor="middle">(\d+)<', chart) == ["1", "2", "3"]


def test_heat_map_draws_only_what_occurs() -> None:
    picture = draw("heat_map", [[3, 1], [0, 0]], ["a<", "b"], "t")
    assert picture.count('class="hit"') == picture.count('class="miss"') == 1
    assert "a&lt; taken for b: 1 of 4" in picture
    assert "a&lt;: 3 of 4 right" in picture
    assert 'fill-opacity="0.79"' in picture
    many = draw("heat_map", np.eye(50, dtype=int).tolist(), [f"class {at}" for at in range(50)], "t")
    assert "<text" not in many
    narrow, wide = (draw("heat_map", [[1]], [name], "t") for name in ("abcd", "挥手挥手"))
    assert int(re.search(r'viewBox="0 0 (\d+)', narrow)[1]) < int(re.search(r'viewBox="0 0 (\d+)', wide)[1])


def test_broken_sensors_and_reliability_are_drawn_where_they_were_measured(tmp_path: Path) -> None:
    bare, measured = run_of("bare", PLAIN), run_of("measured", ACTION_MAE)
    whole = FaultRow(sensor="rgb", fault="none", severity=0, level="", n=10, correct=9)
    broken = [dataclasses.replace(whole, fault="<x>", severity=at, level="bad", correct=9 - at) for at in range(1, 6)]
    measured = dataclasses.replace(
        measured,
        faults=[whole, *broken],
        reliability=reliability(measured.scores, Calibration(pooled=1.0, temperatures={})),
    )
    comparison = Comparison(group_runs([bare, measured]))
    (line,) = fault_lines(comparison.candidates[1])["rgb"]
    assert [(x, y) for x, y, _ in line.points] == [(float(at), 90.0 - 10 * at) for at in range(6)]
    lines = reliability_lines(comparison)
    assert list(lines) == ["R+D+I", "R", "D", "I"]
    ((sure, right, tip),) = lines["I"][0].points
    assert (sure, right) == pytest.approx((100 * np.e / (np.e + 5), 81.7))
    assert tip == "measured: 81.7 % of 1000 clips right"
    out = tmp_path / "report.html"
    write_report(out, [bare, measured])
    text = out.read_text(encoding="utf-8")
    assert "Broken sensors" in text
    assert "&lt;x&gt; bad: 40.0 %" in text
    assert "How sure the models are" in text
    write_report(out, [bare])
    text = out.read_text(encoding="utf-8")
    assert "Broken sensors" not in text
    assert "How sure" not in text


def test_a_page_of_tables_is_plain_text_in_html() -> None:
    text = tables_page("<t>", ["<fact>"], [("<h>", [Grid(["a", "<b>"], [["<1>", "2"]]), Grid(["c"], [["3"]])])])
    page = Page(text)
    assert page.rows == [["a", "<b>"], ["<1>", "2"], ["c"], ["3"]]
    assert text.count("&lt;") == 2 + 1 + 1 + 2
    assert "<style>:root" in text


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

"""The page: served as its guide says, used as people use it, and ended. Skips where Gradio or a browser is missing."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actionmae.app.stage import load_shown, play
from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.data.manifest import read_manifest
from actionmae.inference.what_if import Trace
from actionmae.nn.build import build_classifier
from actionmae.nn.checkpoint import save_model
from actionmae.nn.config import ClassifierConfig
from helpers.browser import chromium, complaints
from helpers.tiny_models import WIDTH
from helpers.tiny_recordings import MODALITIES, write_recordings

GUIDE = Path(__file__).parents[3] / "docs/how_to/app.md"
CLASSES = ("<b>clap</b>", "拍手", "wave " + "with both arms " * 5)
PEOPLE = 20


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of a camera, an inertial sensor and sound, as the guide names them, and clips without the camera."""
    top = tmp_path_factory.mktemp("page")
    camera = {"name": "rgb", "shape": [3, 8, 8], "num_frames": 3, "encoder": "grid_cnn"}
    specs = ModalitySet([camera, *(each | {"fps": 10.0} for each in MODALITIES)])
    config = ClassifierConfig(**WIDTH, action_mae=True)
    for name in ("mine", "other"):
        save_model(build_classifier(specs, classes=CLASSES, config=config).eval(), top / "runs" / name / "model")
    write_recordings(top / "recordings", classes=CLASSES)
    return top


@pytest.fixture(scope="module")
def served(rig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The guide's command, with a second model, and at most 1 MB an upload; ended with Ctrl-C, nothing is left."""
    pytest.importorskip("gradio", reason="needs Gradio: pip install 'actionmae[app]'")
    (command,) = re.findall(r"^actionmae (app .*)$", GUIDE.read_text(encoding="utf-8"), re.M)
    verb, model, *rest = shlex.split(command)
    words = [verb, model, "runs/other/model", *rest, "--port", str(_free_port()), "--max_megabytes", "1"]
    temporary = tmp_path_factory.mktemp("temporary")
    process = subprocess.Popen(
        [sys.executable, "-m", "actionmae.cli", *words],
        stdout=subprocess.PIPE, text=True, cwd=rig, env=os.environ | {"TMPDIR": str(temporary)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert re.match(r"open http://127\.0\.0\.1:\d+/ ", line)
    yield line.split()[1]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert not list(temporary.iterdir())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """With a webcam that films a test picture."""
    with chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as launched:
        yield launched


@pytest.fixture
def page(browser: Any, served: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page in the browser, of the width and colours that the test is parametrised with."""
    width, colours = getattr(request, "param", (1280, "light"))
    opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
    opened.set_default_timeout(120_000)
    fetched: list[str] = []
    opened.on("request", lambda each: fetched.append(each.url))
    opened.goto(served)
    opened.get_by_role("button", name="Play", exact=True).wait_for()
    yield opened
    assert all(url.startswith((served, "data:", "blob:")) for url in fetched), "something is fetched from elsewhere"
    opened.close()


def play_and_see(page: Any, subset: str) -> None:
    """Both models answer from this subset."""
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_text(re.compile(rf"Expected accuracy from {re.escape(subset)}:")).nth(1).wait_for()


def own_recordings(page: Any) -> None:
    page.get_by_label("Clip", exact=True).click()
    page.get_by_role("option", name="your own recordings").click()
    page.get_by_role("button", name="Your own recordings").click()


def test_choose_a_clip_and_switch_a_sensor_off(page: Any) -> None:
    play_and_see(page, "A+X")
    page.get_by_label("sound is").click()
    page.get_by_role("option", name="off").click()
    page.get_by_text("Expected accuracy from A:").nth(1).wait_for()
    page.get_by_label("Clip", exact=True).click()
    page.get_by_role("option", name="your own recordings").click()
    page.get_by_role("alert").get_by_text("nothing is chosen: choose a clip, or upload").wait_for()


def test_the_curves_follow_every_change(page: Any) -> None:
    play_and_see(page, "A+X")
    seen = [curves_end(page)]
    for state, left in (("off", "A"), ("on", "A+X")):
        page.get_by_label("sound is").click()
        page.get_by_role("option", name=state, exact=True).click()
        page.get_by_text(f"Expected accuracy from {left}:").nth(1).wait_for()
        seen.append(curves_end(page))
    assert seen[0] == seen[2] != seen[1]


def curves_end(page: Any) -> list[dict[str, str]]:
    """Percent of each class at the end of each model's curves, which must be what its answer says."""
    found = []
    for at in range(2):
        tips = page.locator(".curves svg").nth(at).locator("title").all_text_contents()
        points = [re.fullmatch(r"(.*) (\d+) % at ([\d.]+) s", tip).groups() for tip in tips]
        last = max(float(seconds) for _, _, seconds in points)
        found.append({name: share for name, share, seconds in points if float(seconds) == last})
        answer = page.locator(".container", has=page.get_by_test_id("label-output-value")).nth(at)
        bars = answer.locator("meter").evaluate_all("bars => bars.map(bar => [bar.ariaLabel, bar.value])")
        assert found[-1] == {name: f"{100 * value:.0f}" for name, value in bars}
    return found


def test_two_models_are_side_by_side_and_class_names_are_text(page: Any) -> None:
    play_and_see(page, "A+X")
    boxes = [page.get_by_role("heading", name=name, exact=True).bounding_box() for name in ("mine", "other")]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    for name in CLASSES:
        assert page.get_by_text(name.strip(), exact=False).count()
    assert not page.locator("b", has_text="clap").count()


@pytest.mark.parametrize("page", [(390, "dark")], indirect=True)
def test_on_a_phone_nothing_is_cut(page: Any) -> None:
    play_and_see(page, "A+X")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for at in range(2):
        table = page.locator("table").nth(at).bounding_box()
        cell = page.locator("table").nth(at).locator("th").nth(3).bounding_box()
        shell = page.locator(".sensors").nth(at).bounding_box()
        assert cell["x"] + cell["width"] <= table["x"] + table["width"] + 1 <= shell["x"] + shell["width"] + 2


def test_uploads_good_and_bad(page: Any, tmp_path: Path) -> None:
    own_recordings(page)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "mine.npy", rng.normal(size=(20, 6)).astype(np.float32))
    np.save(tmp_path / "large.npy", rng.normal(size=(200_000, 6)).astype(np.float32))
    (tmp_path / "broken.npy").write_bytes(b"no array at all")
    (tmp_path / "program.exe").write_bytes(b"MZ")
    inertial, sound = (page.get_by_role("group", name=name).locator("input") for name in ("inertial", "sound"))
    inertial.set_input_files(tmp_path / "large.npy")
    page.get_by_text("the upload has 5 MB: give a recording of at most 1 MB").first.wait_for()
    inertial.set_input_files(tmp_path / "program.exe")
    page.get_by_text("Invalid file type: program.exe. Only .npy").first.wait_for()
    sound.set_input_files(tmp_path / "broken.npy")
    page.get_by_role("group", name="sound").get_by_text("broken").wait_for()
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_text(re.compile("^broken.npy cannot be read as a NumPy file")).wait_for()
    inertial.set_input_files(tmp_path / "mine.npy")
    page.get_by_role("group", name="inertial").get_by_text("mine").wait_for()
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_text("sound is not used: broken.npy cannot be read").wait_for()
    page.get_by_text("Expected accuracy from A:").first.wait_for()


def test_a_webcam_records(page: Any) -> None:
    own_recordings(page)
    page.get_by_role("button", name="Record rgb with the webcam").click()
    page.get_by_role("button", name="Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('video')?.readyState === 4")
    record = page.get_by_role("button", name="start recording")  # Gradio calls it so while it records, too
    record.click()
    page.wait_for_timeout(6000)
    record.click()
    page.get_by_role("group", name="rgb", exact=True).get_by_role("link").first.wait_for()
    play_and_see(page, "R")


@pytest.mark.parametrize("page", [(1280, "light"), (390, "dark")], indirect=True)
def test_every_control_has_a_name_and_can_be_read(page: Any) -> None:
    play_and_see(page, "A+X")
    page.get_by_role("button", name="Your own recordings").click()
    assert not complaints(page)


def test_the_keyboard_reaches_everything(page: Any) -> None:
    reached: list[str] = []
    name = "e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || ''"
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(f"({name})(document.activeElement)").strip())
        if reached[-1] == "Play":
            break
    assert reached[-1] == "Play"
    wanted = ["Clip", "Your own recordings", "Seconds of the past"]
    wanted += [f"{sensor}{what}" for sensor in ("rgb", "inertial", "sound") for what in (" is", ": from", ": severity")]
    for control in wanted:
        assert any(control in each for each in reached), f"{control} is not among {reached}"
    page.keyboard.press("Enter")
    page.get_by_text("Expected accuracy from A+X:").nth(1).wait_for()


def test_twenty_people_at_once_each_get_their_own_answer(served: str, rig: Path) -> None:
    client = pytest.importorskip("gradio_client", reason="needs Gradio: pip install 'actionmae[app]'")
    rows = read_manifest(rig / "recordings/manifest.csv").rows[:PEOPLE]
    switches = [word for _ in range(3) for word in ("on", 0, 3)]

    def ask(sample: str) -> dict[str, float]:
        person = client.Client(served, verbose=False, httpx_kwargs={"timeout": 120})
        _, _, label, *_ = person.predict(sample, 0, None, None, None, *switches, api_name="/play")
        return {each["label"]: each["confidence"] for each in label["confidences"]}

    with ThreadPoolExecutor(PEOPLE) as pool:
        answers = list(pool.map(ask, [row.sample for row in rows]))
    shown = load_shown([rig / "runs/mine/model"])
    for row, answer in zip(rows, answers, strict=True):
        (trace,) = play(row.files, shown, {}, title=row.sample).traces
        assert isinstance(trace, Trace)
        expected = dict(zip(trace.prediction.classes, trace.prediction.probabilities, strict=True))
        assert answer == pytest.approx(expected, abs=1e-5)


def test_bad_options_are_one_sentence(rig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        (["--port", "0"], "port is 0: give 1 to 65535"),
        (["--max_megabytes", "0"], "max_megabytes is 0: give at least 1"),
    ):
        assert main(["app", str(rig / "runs/mine/model"), *words]) == 2
        assert message in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_sentence(rig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gradio", reason="needs Gradio: pip install 'actionmae[app]'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["app", str(rig / "runs/mine/model"), "--port", port]) == 2
    said = capsys.readouterr().err
    assert f"the page cannot be served at 127.0.0.1, port {port}: the port is taken, or not allowed; choose" in said
    assert "GRADIO" not in said


def test_without_gradio_there_is_one_sentence(
    rig: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app", str(rig / "runs/mine/model")]) == 2
    assert "the page needs Gradio: pip install 'actionmae[app]'" in capsys.readouterr().err

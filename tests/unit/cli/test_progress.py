import io
import logging
import re

import pytest
from rich.console import Console

from actionmae.cli.progress import ClipCounter


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "actionmae")


def on_terminal(clock: Clock) -> tuple[ClipCounter, io.StringIO]:
    drawn = io.StringIO()
    return ClipCounter("preparing", console=Console(file=drawn, force_terminal=True, width=100), clock=clock), drawn


def in_a_file(clock: Clock) -> ClipCounter:
    return ClipCounter("preparing", console=Console(file=io.StringIO()), clock=clock)


def test_a_bar_shows_count_rate_and_time_left() -> None:
    clock = Clock()
    counter, drawn = on_terminal(clock)
    with counter:
        for done in range(1, 5):
            clock.now += 2.0
            counter.reach(done, 40)
    assert "4/40 clips 0.5/s 0:01:12 left" in _plain(drawn)


def test_finished_work_does_not_spoil_the_estimate() -> None:
    clock = Clock()
    counter, drawn = on_terminal(clock)
    with counter:
        clock.now += 1.0
        counter.reach(900, 1000)  # by an earlier call
        for done in (901, 902):
            clock.now += 10.0
            counter.reach(done, 1000)
    assert "902/1000 clips 0.1/s 0:16:20 left" in _plain(drawn)


def test_slow_clips_have_an_estimate() -> None:
    clock = Clock()
    counter, drawn = on_terminal(clock)
    with counter:
        for done in range(1, 4):
            clock.now += 40.0
            counter.reach(done, 5)
    assert "3/5 clips 0.025/s 0:01:20 left" in _plain(drawn)


def test_what_is_announced_begins_at_nothing() -> None:
    clock = Clock()
    counter, drawn = on_terminal(clock)
    with counter:
        counter.add(0, 20)
        for _ in range(3):
            clock.now += 4.0
            counter.add(4, 20)
    assert "0/20 clips" in _plain(drawn)
    assert "12/20 clips 1/s 0:00:08 left" in _plain(drawn)


def test_the_bar_goes_when_all_is_done() -> None:
    counter, drawn = on_terminal(Clock())
    counter.reach(1, 2)
    assert "\x1b[?25l" in drawn.getvalue(), "the cursor is hidden while there is a bar"
    counter.reach(2, 2)
    assert drawn.getvalue().rstrip().endswith("\x1b[2K"), "its line is erased, without leaving the context"
    assert "\x1b[?25h" in drawn.getvalue()


def test_a_log_file_gets_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with in_a_file(clock) as counter:
        for done in range(1, 101):
            clock.now += 2.0
            counter.reach(done, 400)
    assert [record.getMessage() for record in caplog.records] == [
        "preparing: 30 of 400 clips, 0.5/s, 0:12:20 left",
        "preparing: 60 of 400 clips, 0.5/s, 0:11:20 left",
        "preparing: 90 of 400 clips, 0.5/s, 0:10:20 left",
    ]


def test_a_long_job_gets_a_line_each_hundredth(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with in_a_file(clock) as counter:
        for done in range(1, 301):
            clock.now += 10.0
            counter.reach(done, 10_000)
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        f"preparing: {done} of 10000 clips" for done in (100, 200, 300)
    ]


def test_a_short_job_leaves_no_line(caplog: pytest.LogCaptureFixture) -> None:
    with in_a_file(Clock()) as counter:
        for done in range(1, 11):
            counter.reach(done, 10)
    assert not caplog.records


def _plain(drawn: io.StringIO) -> str:
    """Without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.getvalue())

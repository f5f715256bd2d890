"""What a sweep shows: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from harness.sweep import display
from harness.sweep.display import BarDisplay, LineDisplay, duration, make_display, number
from harness.sweep.plan import PlannedRun

MakeRun = Callable[..., PlannedRun]


@pytest.fixture
def running(fake_run: MakeRun) -> PlannedRun:
    run = fake_run(3)
    run.record.create(run.spec.to_json(), "s")
    run.record.set_status("running", timesteps=25, n_timesteps=100, steps_per_second=0.5, last_return=12.34)
    return run


def test_lines_for_start_progress_and_end(running: PlannedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    lines = make_display(2, stream)
    assert isinstance(lines, LineDisplay)
    lines.started(running)
    lines.tick([running], 0)
    monkeypatch.setattr(display, "LINE_SECONDS", 0.0)
    soon = LineDisplay(2, stream)
    soon.tick([running], 0)
    soon.ended(running, "failed", "it broke")
    soon.ended(running, "done", None)
    soon.skipped(running, "done")
    soon.stopping(1, 15.0)
    assert stream.getvalue().splitlines() == [
        "start  a2c CartPole-v1 seed 3",
        "       a2c CartPole-v1 seed 3: 25% of 100 timesteps, 0.5 steps/s, return 12.3, 0:02:30 left",
        "failed a2c CartPole-v1 seed 3 (1 of 2): it broke",
        "done   a2c CartPole-v1 seed 3 (2 of 2): return 12.3",
        "skip   a2c CartPole-v1 seed 3: done by another process",
        "stopping 1 running; they have 15 s, a second Ctrl-C kills them at once",
    ]


def test_bars_show_every_running_run_and_the_total(running: PlannedRun) -> None:
    stream = io.StringIO()
    bars = BarDisplay(2, Console(file=stream, force_terminal=True, width=120, height=20))
    bars.started(running)
    bars.tick([running], 1)
    frame = stream.getvalue()
    for text in ("a2c CartPole-v1 seed 3", "25%", "12.3", "0:02:30", "0 of 2 runs ended", "12%"):
        assert text in frame
    bars.ended(running, "failed", "it broke [not markup]")
    bars.close()
    assert "failed a2c CartPole-v1 seed 3 (1 of 2): it broke [not markup]" in stream.getvalue()
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is back


def test_a_run_without_a_status_has_not_begun(fake_run: MakeRun) -> None:
    assert display.Progress(fake_run(0)).line() == "0% of 100 timesteps, - steps/s, return -, - left"


def test_numbers_and_durations() -> None:
    assert [number(value) for value in (None, 3.14159, 1234.5, -250.0)] == ["-", "3.1", "1,234", "-250"]
    assert [duration(seconds) for seconds in (None, 0, 59.6, 3725)] == ["-", "0:00:00", "0:01:00", "1:02:05"]

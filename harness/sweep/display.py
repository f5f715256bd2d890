"""What a sweep shows while it runs: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.records import RecordError, State
from harness.sweep.plan import PlannedRun
from harness.sweep.supervisor import Observer

LINE_SECONDS = 30.0
REFRESH_SECONDS = 0.5


def make_display(n_runs: int, stream: TextIO) -> Observer:
    """Bars where ``stream`` is a terminal, lines where it is none."""
    console = Console(file=stream)
    if console.is_terminal and not console.is_dumb_terminal:
        return BarDisplay(n_runs, console)
    return LineDisplay(n_runs, stream)


def duration(seconds: float | None) -> str:
    """``1:02:03``, or ``-`` where it is not known."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def number(value: float | None) -> str:
    """``1,234`` or ``12.3``, or ``-`` where it is not known."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


class Progress:
    """Where a run stands, as its ``status.json`` tells."""

    def __init__(self, run: PlannedRun) -> None:
        status = _status(run)
        self.n_timesteps = run.spec.n_timesteps
        self.timesteps = min(int(status.get("timesteps", 0)), self.n_timesteps)
        self.steps_per_second: float | None = status.get("steps_per_second")
        self.last_return: float | None = status.get("last_return")

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the steps per second so far."""
        if not self.steps_per_second:
            return None
        return (self.n_timesteps - self.timesteps) / self.steps_per_second

    def line(self) -> str:
        """``45% of 200,000 timesteps, 812 steps/s, return 23.1, 0:02:15 left``."""
        return (
            f"{self.timesteps / self.n_timesteps:.0%} of {self.n_timesteps:,} timesteps, "
            f"{number(self.steps_per_second)} steps/s, return {number(self.last_return)}, "
            f"{duration(self.seconds_left)} left"
        )


class LineDisplay(Observer):
    """A line when a run starts and ends, and one per running run every 30 seconds."""

    def __init__(self, n_runs: int, stream: TextIO) -> None:
        self.n_runs = n_runs
        self.n_ended = 0
        self._stream = stream
        self._next_lines = time.monotonic() + LINE_SECONDS

    def started(self, run: PlannedRun) -> None:
        self._print(f"start  {run.name}")

    def ended(self, run: PlannedRun, state: State, error: str | None) -> None:
        self.n_ended += 1
        self._print(ending(run, state, error, self.n_ended, self.n_runs))

    def restarted(self, run: PlannedRun, error: str) -> None:
        self._print(f"again  {run.name}: {error}")

    def skipped(self, run: PlannedRun, state: State) -> None:
        self.n_ended += 1
        self._print(f"skip   {run.name}: {state} by another process")

    def tick(self, running: Sequence[PlannedRun], n_waiting: int) -> None:
        if time.monotonic() < self._next_lines:
            return
        self._next_lines = time.monotonic() + LINE_SECONDS
        for run in running:
            self._print(f"       {run.name}: {Progress(run).line()}")

    def stopping(self, n_running: int, grace: float) -> None:
        self._print(stopping(n_running, grace))

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class BarDisplay(Observer):
    """A bar per running run and one for all of them, redrawn twice a second; endings are printed above."""

    def __init__(self, n_runs: int, console: Console) -> None:
        self.n_runs = n_runs
        self.n_ended = 0
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._next_frame = 0.0

    def started(self, run: PlannedRun) -> None:
        if not self._live.is_started:
            self._live.start()

    def ended(self, run: PlannedRun, state: State, error: str | None) -> None:
        self.n_ended += 1
        self._say(ending(run, state, error, self.n_ended, self.n_runs))

    def restarted(self, run: PlannedRun, error: str) -> None:
        self._say(f"again  {run.name}: {error}")

    def skipped(self, run: PlannedRun, state: State) -> None:
        self.n_ended += 1
        self._say(f"skip   {run.name}: {state} by another process")

    def tick(self, running: Sequence[PlannedRun], n_waiting: int) -> None:
        if running and time.monotonic() >= self._next_frame:
            self._next_frame = time.monotonic() + REFRESH_SECONDS
            self._live.update(self._frame(running), refresh=True)

    def stopping(self, n_running: int, grace: float) -> None:
        self._say(stopping(n_running, grace))

    def close(self) -> None:
        self._live.stop()

    def _say(self, line: str) -> None:
        self._live.console.print(Text(line))

    def _frame(self, running: Sequence[PlannedRun]) -> Group:
        grid = Table.grid(padding=(0, 2))
        for column in ("", "", "", "steps/s", "return", "left"):
            grid.add_column(column, justify="left" if not column else "right", no_wrap=True)
        grid.add_row("", "", "", "steps/s", "return", "left", style="dim")
        fractions = 0.0
        speeds: list[float] = []
        for run in running:
            progress = Progress(run)
            fraction = progress.timesteps / progress.n_timesteps
            fractions += fraction
            speeds.append(progress.steps_per_second or 0.0)
            grid.add_row(
                Text(run.name),
                ProgressBar(total=1.0, completed=fraction, width=24),
                f"{fraction:4.0%}",
                number(progress.steps_per_second),
                number(progress.last_return),
                duration(progress.seconds_left),
            )
        whole = (self.n_ended + fractions) / self.n_runs
        grid.add_row(
            f"{self.n_ended} of {self.n_runs} runs ended",
            ProgressBar(total=1.0, completed=whole, width=24),
            f"{whole:4.0%}",
            number(sum(speeds)),
            style="bold",
        )
        return Group(grid)


def ending(run: PlannedRun, state: State, error: str | None, n_ended: int, n_runs: int) -> str:
    """The line for the end of a run."""
    place = f"{state:<6} {run.name} ({n_ended} of {n_runs})"
    if state == "done":
        returned = _status(run).get("last_return")
        return f"{place}: return {number(returned)}"
    return f"{place}: {error or 'no reason given'}"


def stopping(n_running: int, grace: float) -> str:
    """The line for the first signal."""
    return f"stopping {n_running} running; they have {grace:.0f} s, a second Ctrl-C kills them at once"


def _status(run: PlannedRun) -> dict[str, Any]:
    try:
        return run.record.status()
    except RecordError:
        return {}

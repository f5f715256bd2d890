"""Gives a cluster what a sweep still needs: at first, and again while someone watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.commands.output import counted
from harness.commands.stages import next_stage, print_stage, print_waiting
from harness.sweep.slurm.submissions import count_cancellations

if TYPE_CHECKING:
    from harness.sweep.expand import Sweep
    from harness.sweep.plan import PlannedRun

AGAIN_SECONDS = 60.0
"""Between looks for room in the queue and for comparisons that can be looked at."""

Submit = Callable[[list["PlannedRun"]], Sequence["PlannedRun"]]
"""Submits runs; returns those that ``max_jobs`` leaves for later."""


def to_start(content: Sweep, runs_dir: Path, started: set[Path], *, quiet: bool) -> list[PlannedRun]:
    """Take the looks that are due, and return the runs to start that are not among ``started``.

    To be called under the sweep's lock.

    Args:
        content: the sweep.
        runs_dir: the directory of all sweeps.
        started: run directories that this process has seen to already; a run that failed is not tried again.
        quiet: print nothing.
    """
    stage = next_stage(content, runs_dir)
    stage.write(runs_dir / content.name)
    runs = [run for run in stage.plan.to_run if run.record.directory not in started]
    if not quiet:
        print_stage(stage)
        if not runs:
            print_waiting(stage)
    return runs


class Feed:
    """Submits what is wanted and not submitted yet, call by call.

    Args:
        content: the sweep.
        runs_dir: the directory of all sweeps.
        submit: how.
        quiet: print nothing.
    """

    def __init__(self, content: Sweep, runs_dir: Path, submit: Submit, *, quiet: bool) -> None:
        self.content = content
        self.runs_dir = runs_dir
        self.submit = submit
        self.quiet = quiet
        self.submitted: set[Path] = set()
        self.left = 0
        self._last = time.monotonic()
        self._cancellations = count_cancellations(runs_dir / content.name)

    def more(self) -> bool:
        """Submit what there is room for; whether there was anything. To be called under the sweep's lock."""
        runs = to_start(self.content, self.runs_dir, self.submitted, quiet=self.quiet)
        left = self.submit(runs) if runs else ()
        waiting = {run.record.directory for run in left}
        self.submitted |= {run.record.directory for run in runs} - waiting
        self.left = len(waiting)
        self._last = time.monotonic()
        return bool(runs)

    def what_follows(self) -> str:
        """One line on what only a further call will do; "" where this one has submitted all."""
        from harness.looks import read_looks

        record = read_looks(self.runs_dir / self.content.name)
        n_open = len(record.open) if self.content.sequential and record else 0
        parts = [f"{counted(self.left, 'run')} left for later"] if self.left else []
        parts += [f"{counted(n_open, 'comparison')} open"] if n_open else []
        if not parts:
            return ""
        return f"{' and '.join(parts)}: call it again when these runs have ended, or with --watch, to go on"

    def again(self, active: bool) -> bool:
        """Submit what is wanted by now; whether there is anything to wait for.

        Args:
            active: whether something runs or waits in the queue. If so, and a minute has not passed since the
                last time, nothing is done.
        """
        from harness.runner.lock import Locked, lock

        comparing = self.content.sequential is not None
        if active and (time.monotonic() - self._last < AGAIN_SECONDS or not (self.left or comparing)):
            return True
        before = len(self.submitted)
        try:
            with lock(self.runs_dir / self.content.name, f"sweep {self.content.name!r}"):
                if count_cancellations(self.runs_dir / self.content.name) != self._cancellations:
                    typer.echo("cancelled meanwhile: nothing more is submitted", err=self.quiet)
                    self.left = 0
                    return active
                self.more()
        except Locked:  # another process is at it
            self._last = time.monotonic()
        return active or self.left > 0 or len(self.submitted) > before

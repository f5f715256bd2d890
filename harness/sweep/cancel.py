"""Ends what is running or queued of a sweep: its local supervisor, single runs, and its jobs."""

from __future__ import annotations

import math
import os
import platform
import re
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.records import find_runs
from harness.runner.lock import LOCK, Locked, lock
from harness.spec import SpecError
from harness.sweep.retry import check_sweep
from harness.sweep.slurm.commands import SlurmError, cancel_jobs
from harness.sweep.slurm.submissions import Jobs, note_cancellation, relative
from harness.sweep.state import found_state

WAIT_SECONDS = 120.0
AGAIN_SECONDS = 10.0
"""A job that is still there is told again: one that was just being put back may have missed it."""

_HOLDER = re.compile(r"process (\d+) on (\S+)")


@dataclass(frozen=True)
class Cancelled:
    """What was cancelled.

    Attributes:
        supervisor: process id of the local supervisor that was stopped, if one ran.
        jobs: ids of the jobs that were taken out of the queue or ended.
        n_runs: runs that jobs held.
        remaining: jobs that were still there when the wait was over.
        single: process ids of the `harness run`s that were stopped.
    """

    supervisor: int | None
    jobs: tuple[str, ...]
    n_runs: int
    remaining: tuple[str, ...] = ()
    single: tuple[int, ...] = ()


def cancel_sweep(runs_dir: Path, sweep: str, wait: float = WAIT_SECONDS) -> Cancelled:
    """Stop a sweep: every run writes a checkpoint, then its worker ends; what waits does not start.

    Args:
        runs_dir: directory of all sweeps.
        sweep: its name.
        wait: seconds until what was told to end has to be gone.

    Raises:
        SpecError: no such sweep; or it is being run on another machine.
        SlurmError: Slurm does not answer.
    """
    check_sweep(runs_dir, sweep)
    directory = runs_dir / sweep
    supervisor = _stop_supervisor(directory, f"sweep {sweep!r}", wait)
    single = _stop_single_runs(directory, wait)
    try:
        note_cancellation(directory)
    except OSError as error:
        raise SpecError(f"{directory}: cannot be written ({error.strerror}); nothing is cancelled") from None
    return replace(_end_jobs(directory, wait), supervisor=supervisor, single=single)


def cancel_runs(jobs: Jobs, only: Iterable[Path] | None) -> Cancelled:
    """Cancel runs that jobs hold: all, or ``only`` those in the given directories.

    A job none of whose runs is wanted any more is cancelled; one that holds others is told, and stops these.

    Raises:
        SlurmError: Slurm does not answer.
    """
    if jobs.submissions and not jobs.queue.answered:
        raise SlurmError("squeue does not answer; expected it to, to know which jobs there are")
    chosen = None if only is None else {relative(run, jobs.directory) for run in only}
    ids: list[str] = []
    n_runs = 0
    live = jobs.live()
    for submission in jobs.submissions:
        held = [(job_id, runs) for of, job_id, runs in live if of is submission]
        unwanted = {run for _, runs in held for run in runs if chosen is None or run in chosen}
        if not unwanted:
            continue
        submission.cancel(unwanted)  # first, so that a job does not put itself back
        n_runs += len(unwanted)
        gone = submission.cancelled()
        ids += [job_id for job_id, runs in held if set(runs) <= gone and unwanted & set(runs)]
    cancel_jobs(ids)
    return Cancelled(None, tuple(ids), n_runs)


def _end_jobs(directory: Path, wait: float) -> Cancelled:
    """Cancel all jobs, those too that were submitted meanwhile as follow-ups, and wait for their ends."""
    begun = time.monotonic()
    told_at = -math.inf
    told: dict[str, list[str]] = {}
    while True:
        jobs = Jobs(directory)
        if jobs.queue.answered or told_at < begun:
            there = {job_id: runs for _, job_id, runs in jobs.live()}
            if there.keys() - told.keys() or time.monotonic() - told_at > AGAIN_SECONDS:
                cancel_runs(jobs, None)
                told, told_at = told | there, time.monotonic()
        if not there or time.monotonic() > begun + wait:
            n_runs = len({run for runs in told.values() for run in runs})
            return Cancelled(None, tuple(told), n_runs, tuple(there))
        time.sleep(0.5)


def _stop_single_runs(directory: Path, wait: float) -> tuple[int, ...]:
    """Stop what `harness run` has under way; it locks the run's directory, not the sweep's."""
    stopped = [
        _stop_supervisor(record.directory, f"run {record.directory}", wait)
        for record in find_runs(directory)
        if (record.directory / LOCK).exists() and found_state(record)[0] == "running"
    ]
    return tuple(pid for pid in stopped if pid is not None)


def _stop_supervisor(directory: Path, what: str, wait: float) -> int | None:
    try:
        with lock(directory, what):
            return None
    except Locked as held:
        match = _HOLDER.search(str(held))
        if match is None or match.group(2) != platform.node():
            raise SpecError(f"{held}; cancel it there") from None
    pid = int(match.group(1))
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:  # it ended just now; the lock will be free
        pass
    except PermissionError:
        raise SpecError(
            f"{what} is being run by process {pid} of another user; expected them to cancel it"
        ) from None
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            with lock(directory, what):
                return pid
        except Locked:
            continue
    raise SpecError(f"process {pid} was told to stop and has not within {wait:.0f} s")

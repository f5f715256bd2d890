"""Ends what is running or queued of a sweep: its local supervisor and its jobs."""

from __future__ import annotations

import os
import platform
import re
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.runner.lock import Locked, lock
from harness.spec import SpecError
from harness.sweep.retry import check_name
from harness.sweep.slurm.commands import SlurmError, cancel_jobs
from harness.sweep.slurm.scheduler import read_queue
from harness.sweep.slurm.submissions import Jobs, relative

WAIT_SECONDS = 120.0
_HOLDER = re.compile(r"process (\d+) on (\S+)")


@dataclass(frozen=True)
class Cancelled:
    """What was cancelled.

    Attributes:
        supervisor: process id of the local supervisor that was stopped, if one ran.
        jobs: ids of the jobs that were taken out of the queue or ended.
        n_runs: runs that jobs held.
        remaining: jobs that were still there when the wait was over.
    """

    supervisor: int | None
    jobs: tuple[str, ...]
    n_runs: int
    remaining: tuple[str, ...] = ()


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
    check_name(runs_dir, sweep)
    directory = runs_dir / sweep
    supervisor = _stop_supervisor(directory, sweep, wait)
    jobs = Jobs(directory)
    cancelled = cancel_runs(jobs, None)
    return Cancelled(supervisor, cancelled.jobs, cancelled.n_runs, _wait_for(jobs, cancelled.jobs, wait))


def cancel_runs(jobs: Jobs, only: Iterable[Path] | None) -> Cancelled:
    """Cancel runs that jobs hold: all, or ``only`` those in the given directories.

    A job none of whose runs is wanted any more is cancelled; one that holds others is told, and stops these.

    Raises:
        SlurmError: Slurm does not answer.
    """
    if jobs.submissions and not jobs.queue.answered:
        raise SlurmError("squeue does not answer; expected it to, to know which jobs there are")
    chosen = None if only is None else {relative(run, jobs.directory) for run in only}
    ids, n_runs = [], 0
    for submission, job_id, runs in jobs.live():
        unwanted = runs if chosen is None else [run for run in runs if run in chosen]
        if not unwanted:
            continue
        submission.cancel(unwanted)  # first, so that the job does not put itself back
        n_runs += len(unwanted)
        if set(runs) <= submission.cancelled():
            ids.append(job_id)
    cancel_jobs(ids)
    return Cancelled(None, tuple(ids), n_runs)


def _wait_for(jobs: Jobs, ids: tuple[str, ...], wait: float) -> tuple[str, ...]:
    """Those of ``ids`` that are in the queue still when ``wait`` is over."""
    deadline = time.monotonic() + wait
    users = {submission.user for submission in jobs.submissions}
    remaining = ids
    while remaining:
        queue = read_queue(users)
        if queue.answered:
            remaining = tuple(job_id for job_id in remaining if job_id in queue.states)
        if not remaining or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return remaining


def _stop_supervisor(directory: Path, sweep: str, wait: float) -> int | None:
    try:
        with lock(directory, f"sweep {sweep!r}"):
            return None
    except Locked as held:
        match = _HOLDER.search(str(held))
        if match is None or match.group(2) != platform.node():
            raise SpecError(f"{held}; cancel it there") from None
    pid = int(match.group(1))
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            with lock(directory, f"sweep {sweep!r}"):
                return pid
        except Locked:
            continue
    raise SpecError(f"process {pid} was told to stop and has not within {wait:.0f} s")

"""Starting runs, here or on a cluster, as a command's options and the sweep's file say."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from harness.commands.output import counted, print_json

if TYPE_CHECKING:
    from harness.sweep.expand import Sweep
    from harness.sweep.plan import PlannedRun
    from harness.sweep.slurm.backend import Target
    from harness.sweep.supervisor import Outcome
    from harness.tracking.settings import WandbBlock


@dataclass(frozen=True)
class Start:
    """How the runs of a sweep are started.

    Attributes:
        content: the sweep; of it the name, the device, the checkpoints' interval and the tracking count here.
        fresh: from zero, without checkpoints or shorter runs.
        allow_code_change: also from checkpoints of other code.
        as_json: print JSON.
    """

    content: Sweep
    fresh: bool
    allow_code_change: bool
    as_json: bool

    def here(self, runs: list[PlannedRun], jobs: int | None) -> Outcome:
        """Run ``runs`` on this machine."""
        from harness.sweep.worker import runner_command

        command = runner_command(
            self.content.device,
            checkpoint_seconds=self.content.checkpoint_seconds,
            fresh=self.fresh,
            allow_code_change=self.allow_code_change,
            tensorboard=self.content.tracking.tensorboard,
        )
        runs = anew(runs) if self.fresh else runs
        return execute(runs, command, jobs, self.as_json, self.content.tracking.wandb)

    def on(self, target: Target, runs: list[PlannedRun]) -> Sequence[PlannedRun]:
        """Submit ``runs``, and say under which ids; return those that ``max_jobs`` leaves for later.

        To be called under the sweep's lock.
        """
        from harness.commands.price import walltime_lines
        from harness.sweep.price import kind_of, measure

        target.check()
        measured = measure(target.directory.parent, {kind_of(run.spec) for run in runs}, target.profile)
        packing = target.pack(runs, measured, fresh=self.fresh)
        submitted = []
        for submission, job_id in target.submit(
            packing,
            self.content.device,
            checkpoint_seconds=self.content.checkpoint_seconds,
            fresh=self.fresh,
            allow_code_change=self.allow_code_change,
            tracking=self.content.tracking,
        ):
            n_jobs = len(submission.content["shares"])
            submitted.append({"job_id": job_id, "n_jobs": n_jobs, "directory": str(submission.directory)})
            if not self.as_json:
                typer.echo(f"submitted job {job_id}: {counted(n_jobs, 'job')}, {submission.directory}")
        if self.as_json:
            left = [str(run.record.directory) for run in packing.left]
            print_json({"sweep": self.content.name, "submitted": submitted, "left": left})
            return packing.left
        for line in walltime_lines(packing.n_cut, packing.n_put_back):
            typer.echo(line)
        if packing.left:
            n_left = counted(len(packing.left), "run")
            typer.echo(f"left for later: {n_left} (max_jobs of profile {target.profile.name})")
        return packing.left


def anew(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """``runs``, none of which goes on from a shorter one."""
    return [replace(run, shorter=None) for run in runs]


def execute(
    runs: list[PlannedRun], command: Any, jobs: int | None, as_json: bool, wandb: WandbBlock
) -> Outcome:
    """Run ``runs`` under a display: on standard output, or on standard error beside JSON."""
    from harness.sweep.display import make_display
    from harness.sweep.gpus import visible_gpus
    from harness.sweep.supervisor import supervise
    from harness.sweep.trackers import tracked

    display = tracked(make_display(len(runs), sys.stderr if as_json else sys.stdout), wandb)
    gpus = [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in visible_gpus()]
    return supervise(runs, command, jobs=at_once(jobs, len(runs)), observer=display, environments=gpus)


def at_once(jobs: int | None, n_runs: int) -> int:
    """Runs at the same time on this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return jobs or max(1, min(cores, n_runs))


def finish(outcome: Outcome, name: str, as_json: bool) -> None:
    """Report how the runs ended; exit with 1 if one failed and with 130 after a signal."""
    if as_json:
        runs = [
            {"directory": str(run.record.directory), "state": state, "error": error}
            for run, state, error in outcome.states
        ]
        print_json({"sweep": name, "stopped": outcome.stopped, "runs": runs})
    else:
        counts = {state: len(outcome.runs(state)) for state in ("done", "failed", "preempted")}
        parts = [f"{count} {state}" for state, count in counts.items() if count]
        if outcome.n_skipped:
            parts.append(f"{outcome.n_skipped} by another process")
        if outcome.n_not_started:
            parts.append(f"{outcome.n_not_started} not started")
        typer.echo(f"sweep {name}: {', '.join(parts) or 'nothing run'}")
        for run, error in outcome.runs("failed"):
            typer.echo(f"failed: {run.record.directory}: {error} (log {run.record.log_file})", err=True)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)

"""``harness sweep``: run what is missing of a sweep."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands.output import RUNS_DIR, AllowCodeChange, Fresh, Json, RunsDir, print_json

if TYPE_CHECKING:
    from harness.sweep.plan import Plan, PlannedRun
    from harness.sweep.supervisor import Outcome

BACKENDS = ("local",)
N_OUTDATED_SHOWN = 5


def sweep(
    file: Annotated[Path, typer.Argument(help="The sweep's YAML file.", metavar="FILE")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    jobs: Annotated[
        int | None, typer.Option(help="Runs at the same time; default: as many as CPU cores.")
    ] = None,
    backend: Annotated[str, typer.Option(help=f"Where to run: {', '.join(BACKENDS)}.")] = "local",
    runs_dir: RunsDir = RUNS_DIR,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key of the file, e.g. n_timesteps=1e5.", metavar="KEY=VALUE"),
    ] = None,
    fresh: Fresh = False,
    allow_code_change: AllowCodeChange = False,
    as_json: Json = False,
) -> None:
    """Run what is missing of a sweep, from checkpoints where there are; again, what is not done yet."""
    from harness.runner.lock import lock
    from harness.spec import SpecError
    from harness.sweep.expand import load_sweep
    from harness.sweep.plan import make_plan
    from harness.sweep.worker import runner_command

    if jobs is not None and jobs < 1:
        raise SpecError(f"--jobs {jobs}: expected a number >= 1")
    if backend not in BACKENDS:
        raise SpecError(f"--backend {backend}: unknown backend; expected {', '.join(BACKENDS)}")
    content = load_sweep(file, assignments or [])
    plan = make_plan(content.runs, runs_dir, content.name)
    if dry_run:
        _print_plan(plan, content.name, as_json)
        return
    if not as_json:
        _print_summary(plan)
    if not plan.to_run:
        if as_json:
            print_json({"sweep": content.name, "summary": plan.summary(), "runs": _rows(plan)})
        return
    with lock(runs_dir / content.name, f"sweep {content.name!r}"):
        plan = make_plan(content.runs, runs_dir, content.name)
        command = runner_command(
            content.device,
            checkpoint_seconds=content.checkpoint_seconds,
            fresh=fresh,
            allow_code_change=allow_code_change,
        )
        outcome = execute(plan.to_run, command, jobs, as_json)
    finish(outcome, content.name, as_json)


def execute(runs: list[PlannedRun], command: Any, jobs: int | None, as_json: bool) -> Outcome:
    """Run ``runs`` under a display: on standard output, or on standard error beside JSON."""
    from harness.sweep.display import make_display
    from harness.sweep.supervisor import supervise

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    display = make_display(len(runs), sys.stderr if as_json else sys.stdout)
    return supervise(runs, command, jobs=jobs or max(1, min(cores, len(runs))), observer=display)


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


def _print_summary(plan: Plan) -> None:
    typer.echo(plan.summary())
    for run in plan.outdated[:N_OUTDATED_SHOWN]:
        typer.echo(f"made by older code: {run.record.directory}: {run.outdated}")
    more = len(plan.outdated) - N_OUTDATED_SHOWN
    if more > 0:
        typer.echo(f"made by older code: {more} more runs (--dry-run lists all)")


def _print_plan(plan: Plan, name: str, as_json: bool) -> None:
    if as_json:
        print_json({"sweep": name, "summary": plan.summary(), "runs": _rows(plan)})
        return
    for run in plan.runs:
        older = f"  made by older code: {run.outdated}" if run.outdated else ""
        typer.echo(f"{run.found:<11} {run.record.directory}  {run.spec.n_timesteps:,} timesteps{older}")
    typer.echo(plan.summary())


def _rows(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "directory": str(run.record.directory),
            "label": run.spec.label,
            "algo": run.spec.algo,
            "env_id": run.spec.env_id,
            "seed": run.spec.seed,
            "n_timesteps": run.spec.n_timesteps,
            "state": run.found,
            "outdated": run.outdated,
        }
        for run in plan.runs
    ]
